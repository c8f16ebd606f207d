"""API keys: who may come in through the HTTP door, to do what, and how much of it."""
