"""Asking a Themis over HTTP, synchronously and with asyncio."""
