"""Weights in training: collators that give each token its sample's weight, and the loss that applies it.

The loss of a batch is the weighted sum of its targets' losses divided by their *number*,

    sum over targets t of weight(t) * cross_entropy(t)  /  number of targets,

not by the sum of the weights, which would make a batch of unimportant samples count as much as one of important ones,
and would leave nothing of the weights in batches of one sample. With weights of 1 it is the usual mean.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from themisdb_datasets.errors import MalformedError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer
else:
    Trainer = object

IGNORED = -100  # the label of what is no target, in torch and in transformers
ALIKE = 0.01  # how far two logits may lie apart that are the same, as a part of the largest; others differ by a tenth
EncodedSample = tuple[list[int], list[int], float]  # tokens, labels, weight
PromptSplit = Callable[[Mapping[str, Any], "PreTrainedTokenizerBase"], tuple[str, str]]


def prompt_and_answer(sample: Mapping[str, Any], tokenizer: "PreTrainedTokenizerBase") -> tuple[str, str]:
    """What a sample of any export format asks, and what is to be learned: of a chat its last message, of a text all."""
    if "messages" in sample:
        messages = sample["messages"]
        asked = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(messages, tokenize=False)
        if not whole.startswith(asked):
            raise MalformedError(
                "The tokenizer's chat template writes a conversation otherwise than its beginning; give `split`."
            )
        return asked, whole[len(asked) :]
    end = tokenizer.eos_token or ""
    if "text" in sample:
        return "", sample["text"] + end
    if "instruction" not in sample or "output" not in sample:
        raise MalformedError(
            f"A sample has {', '.join(sample)}, which is none of the formats instruction_tuning, chat_completion and"
            " text_completion; give `split`, which makes a prompt and an answer of it."
        )
    asked = "\n".join(filter(None, (sample["instruction"], sample.get("input"))))
    return f"{asked}\n", sample["output"] + end


class WeightedCollator:
    """Batches for a causal language model, with each sample's `weight` on its tokens.

    Of samples as the export formats have them, or with `input_ids` (and `labels`) already, it makes tensors of
    num_samples × length: `input_ids`, `attention_mask`, `labels` (the prompt, the padding and the first token are no
    targets) and `weights`. A sample longer than `max_length` tokens is cut at its end. `split` makes a prompt and an
    answer of a sample; `train_on_prompt` makes the prompt's tokens targets too.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        max_length: int = 1024,
        split: PromptSplit = prompt_and_answer,
        train_on_prompt: bool = False,
    ) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self.split, self.train_on_prompt = split, train_on_prompt
        pad = tokenizer.pad_token_id
        self.pad = tokenizer.eos_token_id or 0 if pad is None else pad

    def __call__(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        rows = self.encode(samples)
        batch = self._tensors([[row] for row in rows], length=max(len(ids) for ids, _, _ in rows))
        lengths = torch.tensor([len(ids) for ids, _, _ in rows])
        mask = torch.arange(batch["input_ids"].shape[1]) < lengths[:, None]
        return {**batch, "attention_mask": mask.long()}

    def encode(self, samples: Sequence[Mapping[str, Any]]) -> list[EncodedSample]:
        """The tokens, labels and weight of each sample, cut to `max_length`."""
        encoded = []
        for sample in samples:
            ids, labels = self._encode(sample)
            weight = sample.get("weight")
            # Nothing stands before the first token that could predict it.
            labels = [IGNORED, *labels[1:]]
            cut = slice(self.max_length)
            encoded.append((ids[cut], labels[cut], 1.0 if weight is None else float(weight)))
        return encoded

    def _encode(self, sample: Mapping[str, Any]) -> tuple[list[int], list[int]]:
        if "input_ids" in sample:
            ids = [int(token) for token in sample["input_ids"]]
            return ids, [int(label) for label in sample.get("labels", ids)]
        prompt, answer = self.split(sample, self.tokenizer)
        # A chat template writes the special tokens itself.
        asked = self.tokenizer(prompt, add_special_tokens="messages" not in sample)["input_ids"]
        told = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return asked + told, (asked if self.train_on_prompt else [IGNORED] * len(asked)) + told

    def _tensors(self, rows: Sequence[Sequence[EncodedSample]], *, length: int) -> dict[str, torch.Tensor]:
        """Each row's samples one after the other, and padding up to a length."""
        ids = torch.full((len(rows), length), self.pad)
        labels = torch.full((len(rows), length), IGNORED)
        weights = torch.zeros((len(rows), length))
        for number, row in enumerate(rows):
            start = 0
            for tokens, targets, weight in row:
                place = slice(start, start + len(tokens))
                ids[number, place] = torch.tensor(tokens)
                labels[number, place] = torch.tensor(targets)
                weights[number, place] = weight
                start = place.stop
        return {"input_ids": ids, "labels": labels, "weights": weights}


class PackingCollator(WeightedCollator):
    """The same without much padding: several samples share a row of `max_length` tokens, or with `flat` all share one.

    In place of `attention_mask` there are `position_ids` that begin anew with each sample, and `use_cache` is False. By
    these transformers keeps the samples of a row apart in its attention, and since a sample's first token is no target,
    none predicts another's, so the loss is that of the samples by themselves. Not every model does so (`check_packing`
    says), and with flash attention only where a batch is one row: `flat=True`.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", *, flat: bool = False, **options: Any) -> None:
        super().__init__(tokenizer, **options)
        self.flat = flat

    def __call__(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        encoded = self.encode(samples)
        rows = [encoded] if self.flat else self._pack(encoded)
        size = sum(len(ids) for ids, _, _ in encoded) if self.flat else self.max_length
        batch = self._tensors(rows, length=size)
        positions = torch.zeros_like(batch["input_ids"])
        for number, row in enumerate(rows):
            lengths = [len(ids) for ids, _, _ in row]
            # The padding counts from 0 too, as if it were a sample: going on from the last one it would be a
            # part of it.
            lengths.append(size - sum(lengths))
            positions[number] = torch.cat([torch.arange(length) for length in lengths])
        # With a cache of keys and values, which models make by default, transformers would look away from the positions.
        return {**batch, "position_ids": positions, "use_cache": False}

    def _pack(self, encoded: Sequence[EncodedSample]) -> list[list[EncodedSample]]:
        """First fit, the longest first."""
        rows: list[list[EncodedSample]] = []
        free: list[int] = []
        # First fit decreasing: never more than 11/9 of the fewest possible rows, and a few (Johnson,
        # "Near-Optimal Bin Packing Algorithms", 1973).
        for each in sorted(encoded, key=lambda each: -len(each[0])):
            size = len(each[0])
            place = next((number for number, room in enumerate(free) if room >= size), len(rows))
            if place == len(rows):
                rows.append([])
                free.append(self.max_length)
            rows[place].append(each)
            free[place] -= size
        return rows


def weighted_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    *,
    num_items: torch.Tensor | int | None = None,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """The loss of a causal language model's batch.

    `logits` are rows × length × vocabulary, `labels` and `weights` rows × length as a collator makes them. `num_items` is
    the number of targets to divide by where this is a part of a batch: one of several that are accumulated. Without any
    target it is 0.
    """
    # What stands at a place predicts the next one, so labels and weights are those of the next; behind the
    # last there is none.
    targets = functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
    shifted = functional.pad(weights[:, 1:], (0, 1))
    # In 32 bits, as transformers does it: a sum over a vocabulary loses too much in 16.
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1),
        targets.flatten(),
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    total = (losses * shifted.flatten().to(losses)).sum()
    count = targets.ne(IGNORED).sum() if num_items is None else torch.as_tensor(num_items)
    return total / count.clamp(min=1)


def check_packing(model: Any, *, rows: int = 2) -> None:
    """MalformedError for a model that lets a sample see the one before it in its row, so that packing changes its loss.

    It is asked twice for a sample with another one before it. Batches of `rows` rows are meant.
    """
    device = next(model.parameters()).device
    positions = torch.arange(4, device=device).repeat(rows, 2)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            one, other = (
                model(
                    input_ids=torch.tensor([[*before, 1, 2, 3, 4]] * rows, device=device),
                    position_ids=positions,
                    use_cache=False,
                )["logits"][:, 4:]
                for before in ((1, 2, 3, 4), (5, 6, 7, 8))
            )
    finally:
        model.train(training)
    if (one - other).abs().max() > ALIKE * one.abs().max():
        raise MalformedError(
            "This model lets the samples of a packed row see each other, which changes their losses: give WeightedCollator"
            " instead, or with flash attention PackingCollator(…, flat=True), which makes one row of a batch."
        )


class WeightedTrainer(Trainer):
    """A mixin for transformers' Trainer: `class Weighted(WeightedTrainer, Trainer)`, with one of the collators above.

    Training and evaluation losses are `weighted_loss`. The targets are counted over the whole batch, that is over all of its
    accumulated parts and all devices, as Trainer does for its own loss. Of several processes each reads the whole dataset
    and takes its own part of it, so a ThemisDBStreamDataset is made with `rank=0, world_size=1` (MalformedError). Packed
    batches are refused for a model that mixes them up.
    """

    _packing_checked = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, compute_loss_func=self._weighted_loss, **kwargs)
        # The collator needs what the model does not: the texts and the weight.
        self.args.remove_unused_columns = False
        # Batches of several lengths, or with more than tensors, cannot be sent round: each process makes its own.
        if self.accelerator.dataloader_config.dispatch_batches is None:
            self.accelerator.dataloader_config.dispatch_batches = False
        if getattr(self.train_dataset, "world_size", 1) > 1:
            raise MalformedError(
                "Trainer shares out a dataset among the processes itself, so a dataset that does so too would lose samples:"
                " make it with rank=0, world_size=1."
            )

    def compute_loss(self, model: Any, inputs: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As Trainer's."""
        if "weights" not in inputs:
            raise MalformedError(
                "The batch has no weights: give the trainer data_collator=WeightedCollator(tokenizer) or a PackingCollator."
            )
        rest = dict(inputs)
        self._weights = rest.pop("weights")
        if not self._packing_checked and "position_ids" in rest and "attention_mask" not in rest:
            check_packing(model, rows=min(len(rest["input_ids"]), 2))
            self._packing_checked = True
        return super().compute_loss(model, rest, *args, **kwargs)

    def _weighted_loss(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        return weighted_loss(
            outputs["logits"],
            labels,
            self._weights,
            num_items=num_items_in_batch,
            label_smoothing=self.args.label_smoothing_factor,
        )
