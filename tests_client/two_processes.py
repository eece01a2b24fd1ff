"""One step of a weighted Trainer in each of two processes, on batches of unequal weight; torchrun starts it."""

import tempfile
from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset
from transformers import Trainer

from tests_client import tiny
from tests_client.pytorch.test_training import SAMPLES, Weighted, loss_of
from themisdb_datasets import PackingCollator, Sample, WeightedCollator


class Stream(IterableDataset[Sample]):
    """Four samples, one after the other."""

    def __iter__(self) -> Iterator[Sample]:
        return iter(SAMPLES[:4])

    def __len__(self) -> int:
        return 4


def step(folder: str) -> Trainer:
    """A step of plain descent, two samples a process."""
    arguments = tiny.one_step(folder, batch=2, ddp_backend="gloo")
    collator = PackingCollator(tiny.tokenizer(), max_length=128)
    trainer = Weighted(tiny.model(), arguments, train_dataset=Stream(), data_collator=collator)
    trainer.train()
    return trainer


def main() -> None:
    """Compare it with the step of all four in one process."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = step(folder)
    expected = tiny.model()
    loss_of(expected, WeightedCollator(tiny.tokenizer())(SAMPLES[:4])).backward()
    trained = trainer.accelerator.unwrap_model(trainer.model)
    for one, other in zip(trained.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one.detach(), (other - 0.1 * other.grad).detach(), rtol=1e-4, atol=1e-6)
    print("as in one process", flush=True)


if __name__ == "__main__":
    main()
