"""Train a small language model on a theme, from the live stream. Run again, it goes on where it was.

    export THEMIS_URL=http://127.0.0.1:8000 THEMIS_TOKEN=…
    python examples/train.py --steps 100
    python examples/train.py --steps 200    # the second hundred, also days later and after a new version

It needs `themisdb-datasets[train]`, no GPU and no downloaded model: the model is made from a configuration, and its
tokenizer from the theme's first texts. `models/` keeps both, the checkpoints, and the digest of the plan they are of.
"""

import argparse
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from themisdb_datasets import PackingCollator, ThemisDBStreamDataset, WeightedTrainer

LENGTH = 256  # tokens in a row
VOCABULARY = 2048
TEXTS = 300  # of which the tokenizer is made
END, PADDING = "</s>", "<pad>"


class WeightedLlamaTrainer(WeightedTrainer, Trainer):
    """Trainer, with each sample's weight in the loss."""


def open_dataset(folder: Path, theme: str) -> ThemisDBStreamDataset:
    """The theme, shuffled anew in each epoch: as it is now, or as it was when the training in the folder began."""
    plan = folder / "plan.txt"
    if plan.exists():
        return ThemisDBStreamDataset(query_params={"cursor": f"{plan.read_text()}.0"})
    dataset = ThemisDBStreamDataset(
        query_params={
            "theme": theme,
            "order": "shuffled",
            "seed": 7,
            "weighting": {"auto_weight_by_length": True},
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    plan.write_text(dataset.plan)
    return dataset


def make_tokenizer(folder: Path, dataset: ThemisDBStreamDataset) -> PreTrainedTokenizerFast:
    """The tokenizer in the folder, made there the first time."""
    path = folder / "tokenizer.json"
    if not path.exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[END, PADDING],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        texts = (f"{sample['instruction']} {sample['output']}" for sample in islice(dataset, TEXTS))
        tokenizer.train_from_iterator(texts, trainer)
        tokenizer.save(str(path))
    return PreTrainedTokenizerFast(tokenizer_file=str(path), eos_token=END, pad_token=PADDING)


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Two layers with random weights."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def train(folder: Path, *, theme: str, steps: int, every: int = 50) -> list[tuple[int, float]]:
    """Train up to a number of steps, with a checkpoint every so many; the loss by step, from the beginning."""
    set_seed(7)
    dataset = open_dataset(folder, theme)
    tokenizer = make_tokenizer(folder, dataset)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=4,
        learning_rate=2e-3,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=5,
        logging_steps=min(10, every),
        save_steps=every,
        save_total_limit=2,
        dataloader_pin_memory=False,
        report_to=[],
        disable_tqdm=True,
    )
    trainer = WeightedLlamaTrainer(
        make_model(tokenizer),
        arguments,
        train_dataset=dataset,
        data_collator=PackingCollator(tokenizer, max_length=LENGTH),
    )
    # Trainer passes over the batches that it has had; the order is that of the plan, so what comes next is the same.
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)))
    return [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--theme", default="Rechtssprechung")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("models"))
    options = parser.parse_args()
    losses = train(options.folder, theme=options.theme, steps=options.steps)
    (first, before), (last, after) = losses[0], losses[-1]
    print(f"Loss {before:.3f} at step {first}, {after:.3f} at step {last}; the model is in {options.folder}.")


if __name__ == "__main__":
    main()
