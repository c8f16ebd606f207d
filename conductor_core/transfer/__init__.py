"""Conversations out of an installation and into one: our own document, and what other programs export."""
