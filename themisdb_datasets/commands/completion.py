"""themis completion: what makes a shell complete commands, options and the names of datasets and themes."""

import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
    get_completion_class,
)

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": 'add to ~/.bashrc: eval "$(themis completion bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(themis completion zsh)"',
    "fish": "themis completion fish > ~/.config/fish/completions/themis.fish",
}
SPECIAL = re.compile(r"[^\w@%+=:,./-]")  # to a shell


@add_completion_class
class Bash(BashComplete):
    """bash puts a completion into the line as it is, so a name with a space in it would be several words."""

    def format_completion(self, item: CompletionItem) -> str:
        value = item.value
        number = int(os.environ["COMP_CWORD"])
        begun = os.environ["COMP_WORDS"].split("\n")[number : number + 1]
        if not any(word.startswith(("'", '"')) for word in begun):
            value = SPECIAL.sub(r"\\\g<0>", value)
        # The script's `read` takes one away.
        return f"{item.type},{value}".replace("\\", "\\\\")


@add_completion_class
class Fish(FishComplete):
    """fish would take a name with a comma in it to end there."""

    source_template = FishComplete.source_template.replace("string split", "string split -m 1")


@click.command(epilog="; ".join(WHERE.values()))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completions for a SHELL."""
    root = ctx.find_root()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, "themis", "_THEMIS_COMPLETE").source())
