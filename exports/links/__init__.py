"""Addresses by which others download an export without login."""
