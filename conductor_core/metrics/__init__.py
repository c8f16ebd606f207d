"""The call record and what is computed from it."""
