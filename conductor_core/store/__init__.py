"""Conversations, messages and calls on disk: one writing thread, read-only readers."""
