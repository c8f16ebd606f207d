"""Anthropic's protocol (Messages) in front of every provider."""
