"""A language model small enough to check by hand, and its tokenizer of bytes."""

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainingArguments

torch.set_num_threads(1)  # more are slower with matrices this small
CHAT = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and an end."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    letters = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=letters, eos_token="</s>", chat_template=CHAT)


def model(*, attention: str = "sdpa", seed: int = 0) -> LlamaForCausalLM:
    """Two layers of Llama with random weights, the same for the same seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config)


def one_step(folder: str, *, batch: int, **more: Any) -> TrainingArguments:
    """Arguments for one step of plain descent, `batch` samples at a time on each process."""
    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch,
        max_steps=1,
        learning_rate=0.1,
        lr_scheduler_type="constant",
        optim="sgd",
        max_grad_norm=0.0,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        **more,
    )
