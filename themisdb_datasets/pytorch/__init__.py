"""Streams in torch's DataLoader and transformers' Trainer."""
