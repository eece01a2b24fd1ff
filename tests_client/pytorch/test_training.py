"""Weights in training: every token has its sample's weight in the loss, in padded and packed batches and in Trainer."""

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM, OPTConfig, Trainer, TrainingArguments

from tests_client import tiny
from tests_client.conftest import ROOT, Live
from themisdb_datasets import (
    PackingCollator,
    Sample,
    ThemisDBStreamDataset,
    ThemisError,
    WeightedCollator,
    WeightedTrainer,
    check_packing,
    weighted_loss,
)
from themisdb_datasets.pytorch.training import IGNORED

SAMPLES = [
    Sample(instruction="Was gilt?", output="Das Gesetz.", weight=0.25),
    Sample(instruction="Wann?", input="Am Montag.", output="Ab morgen, und zwar für alle.", weight=2.0),
    Sample(instruction="Wer?", output="Niemand", weight=1.0),
    Sample(instruction="Wo?", output="In Kassel und in Göttingen.", weight=0.0),
    Sample(instruction="Wie lange gilt eine Genehmigung nach § 4?", output="3 Jahre.", weight=1.3),
]
COLLATORS = (WeightedCollator, PackingCollator)


class Weighted(WeightedTrainer, Trainer):
    """As a user makes it."""


def by_hand(model: LlamaForCausalLM, samples: Sequence[Mapping[str, Any]]) -> float:
    """The weighted loss of samples, each alone in the model, in plain Python."""
    tokenizer, total, targets = tiny.tokenizer(), 0.0, 0
    for sample in samples:
        prompt = "\n".join(filter(None, [sample["instruction"], sample.get("input")])) + "\n"
        asked = tokenizer(prompt)["input_ids"]
        told = tokenizer(sample["output"] + "</s>")["input_ids"]
        logits = model(torch.tensor([asked + told])).logits[0].tolist()
        for place, token in enumerate(told, start=len(asked)):
            scores = logits[place - 1]
            highest = max(scores)
            logarithm = highest + math.log(sum(math.exp(score - highest) for score in scores))
            total += sample["weight"] * (logarithm - scores[token])
            targets += 1
    return total / targets


def loss_of(model: LlamaForCausalLM, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    inputs = {name: batch[name] for name in batch if name not in ("labels", "weights")}
    return weighted_loss(model(**inputs).logits, batch["labels"], batch["weights"])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("collator", COLLATORS)
def test_the_loss_is_that_of_the_samples_by_themselves(collator: Any, attention: str) -> None:
    model = tiny.model(attention=attention).eval()
    batch = collator(tiny.tokenizer(), max_length=128)(SAMPLES)
    assert len(batch["input_ids"]) == (2 if collator is PackingCollator else 5)
    assert loss_of(model, batch).item() == pytest.approx(by_hand(model, SAMPLES), rel=1e-5)


@pytest.mark.parametrize("collator", COLLATORS)
def test_gradients_are_those_of_the_samples_by_themselves(collator: Any) -> None:
    model, alone = tiny.model(), tiny.model()
    collate = collator(tiny.tokenizer(), max_length=128)
    loss_of(model, collate(SAMPLES)).backward()
    num_targets = sum(len(f"{sample['output']}".encode()) + 1 for sample in SAMPLES)
    for sample in SAMPLES:
        batch = WeightedCollator(tiny.tokenizer())([sample])
        logits = alone(batch["input_ids"]).logits
        part = weighted_loss(
            logits, batch["labels"], torch.ones_like(batch["weights"]), num_items=num_targets
        )
        (part * sample["weight"]).backward()
    for one, other in zip(model.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def mixing_model() -> Any:
    """A model that does not keep the samples of a packed row apart."""
    sizes = {"hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 64, "max_position_embeddings": 256}
    config = OPTConfig(vocab_size=300, num_hidden_layers=2, num_attention_heads=4, dropout=0.5, **sizes)
    return AutoModelForCausalLM.from_config(config)


def test_all_samples_may_share_one_row() -> None:
    model = tiny.model()
    batch = PackingCollator(tiny.tokenizer(), flat=True)(SAMPLES)
    assert batch["input_ids"].shape == (1, sum(map(len, map(encoded_text, SAMPLES))))
    assert loss_of(model, batch).item() == pytest.approx(by_hand(model, SAMPLES), rel=1e-5)


def encoded_text(sample: Mapping[str, Any]) -> bytes:
    """As many bytes as it has tokens: prompt, answer, and an end."""
    prompt = "\n".join(filter(None, [sample["instruction"], sample.get("input")]))
    return f"{prompt}\n{sample['output']}.".encode()


def test_a_model_that_mixes_packed_samples_up_is_refused(tmp_path: Path) -> None:
    for rows in (1, 2):
        model = tiny.model()
        check_packing(model, rows=rows)
        assert model.training
    packed = PackingCollator(tiny.tokenizer(), max_length=128)
    with pytest.raises(ThemisError, match="flat=True"):
        check_packing(mixing_model())
    with pytest.raises(ThemisError, match="WeightedCollator"):
        trained(tmp_path, mixing_model(), collator=packed, batch=4, parts=1)
    trained(tmp_path, mixing_model(), collator=WeightedCollator(tiny.tokenizer()), batch=4, parts=1)


def test_a_batch_without_a_target_has_no_loss() -> None:
    model = tiny.model()
    batch = WeightedCollator(tiny.tokenizer(), max_length=3)(SAMPLES)  # which cuts every answer off
    labels, weights = batch.pop("labels"), batch.pop("weights")
    assert (labels == IGNORED).all()
    for num_items in (None, 0, torch.tensor(0)):
        loss = weighted_loss(model(**batch).logits, labels, weights, num_items=num_items)
        loss.backward()
        assert loss.item() == 0
    assert all(not each.grad.any() for each in model.parameters())


def test_with_weights_of_one_it_is_the_models_own_loss() -> None:
    model = tiny.model()
    batch = WeightedCollator(tiny.tokenizer())([{**sample, "weight": 1.0} for sample in SAMPLES])
    own = model(batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
    torch.testing.assert_close(loss_of(model, batch), own)


def test_a_weight_tells_also_in_a_batch_of_one() -> None:
    model = tiny.model()
    light, heavy = (
        WeightedCollator(tiny.tokenizer())([{**SAMPLES[0], "weight": weight}]) for weight in (0.5, 1.5)
    )
    torch.testing.assert_close(loss_of(model, heavy), 3 * loss_of(model, light))


def test_only_answers_are_targets() -> None:
    tokenizer = tiny.tokenizer()
    batch = WeightedCollator(tokenizer)(SAMPLES[:2])
    for row, sample in zip(batch["labels"], SAMPLES, strict=False):
        assert tokenizer.decode(row[row != IGNORED]) == sample["output"] + "</s>"
    batch = WeightedCollator(tokenizer, train_on_prompt=True)(SAMPLES[:1])
    assert tokenizer.decode(batch["labels"][0, 1:]) == "as gilt?\nDas Gesetz.</s>"
    assert batch["labels"][0, 0] == IGNORED


def test_of_a_chat_the_last_message_is_learned_and_of_a_text_all() -> None:
    tokenizer = tiny.tokenizer()
    turns = [("user", "Darf ich?"), ("assistant", "Ja."), ("user", "Und er?"), ("assistant", "Nein.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    chat, text = (
        WeightedCollator(tokenizer)([sample])
        for sample in ({"messages": messages, "weight": 0.5}, {"text": "1 Zweck"})
    )
    assert tokenizer.decode(chat["labels"][chat["labels"] != IGNORED]) == "Nein.</s>"
    assert chat["weights"].unique().tolist() == [0.5]
    assert tokenizer.decode(text["labels"][text["labels"] != IGNORED]) == " Zweck</s>"
    assert text["weights"].unique().tolist() == [1.0]


def test_tokens_are_taken_as_they_are_and_cut() -> None:
    batch = WeightedCollator(tiny.tokenizer(), max_length=3)(
        [{"input_ids": [5, 6, 7, 8]}, {"input_ids": [9]}]
    )
    assert batch["input_ids"].tolist() == [[5, 6, 7], [9, 256, 256]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [IGNORED] * 3]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_sample_of_another_kind_is_refused() -> None:
    with pytest.raises(ThemisError, match="`split`"):
        WeightedCollator(tiny.tokenizer())([{"question": "?", "answer": "!"}])


def trained(folder: Path, model: LlamaForCausalLM, *, collator: Any, batch: int, parts: int) -> Weighted:
    """A trainer after one step of plain descent on all samples."""
    arguments = tiny.one_step(str(folder), batch=batch, gradient_accumulation_steps=parts)
    trainer = Weighted(model, arguments, train_dataset=SAMPLES[:4], data_collator=collator)
    trainer.train()
    return trainer


@pytest.mark.parametrize(("batch", "parts"), [(1, 4), (2, 2)])
@pytest.mark.parametrize("collator", COLLATORS)
def test_a_step_of_trainer_is_the_same_however_the_batch_is_parted(
    collator: Any, batch: int, parts: int, tmp_path: Path
) -> None:
    collate = collator(tiny.tokenizer(), max_length=128)
    trainer = trained(tmp_path, tiny.model(), collator=collate, batch=batch, parts=parts)
    expected = tiny.model()
    loss = loss_of(expected, WeightedCollator(tiny.tokenizer())(SAMPLES[:4]))
    loss.backward()
    for one, other in zip(trainer.model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one.detach(), (other - 0.1 * other.grad).detach(), rtol=1e-4, atol=1e-6)
    assert trainer.state.log_history[-1]["train_loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert trainer.evaluate(SAMPLES[:4])["eval_loss"] < loss.item()


def test_a_step_of_two_processes_is_that_of_one() -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    program = str(ROOT / "tests_client" / "two_processes.py")
    done = subprocess.run(
        [*command, program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as in one process") == 2


def test_trainer_refuses_a_dataset_that_is_shared_out_already(live: Live, tmp_path: Path) -> None:
    query = {"theme": live.themes[0]}
    dataset = ThemisDBStreamDataset(live.url, live.token, query, rank=0, world_size=2)
    with pytest.raises(ThemisError, match="rank=0, world_size=1"):
        Weighted(
            tiny.model(), TrainingArguments(str(tmp_path), max_steps=1, use_cpu=True), train_dataset=dataset
        )


def test_trainer_says_when_batches_have_no_weights(tmp_path: Path) -> None:
    def collate(samples: Any) -> dict[str, torch.Tensor]:
        batch = WeightedCollator(tiny.tokenizer())(samples)
        return {name: batch[name] for name in batch if name != "weights"}

    with pytest.raises(ThemisError, match="WeightedCollator"):
        trained(tmp_path, tiny.model(), collator=collate, batch=4, parts=1)
