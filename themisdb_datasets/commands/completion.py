"""themis completion: what makes a shell complete commands, options and the names of datasets."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": 'add to ~/.bashrc: eval "$(themis completion bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(themis completion zsh)"',
    "fish": "themis completion fish > ~/.config/fish/completions/themis.fish",
}


@click.command(epilog="; ".join(WHERE.values()))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completions for a SHELL."""
    root = ctx.find_root()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, "themis", "_THEMIS_COMPLETE").source())
