"""From a prompt to a provider: the choice, and the measuring around every attempt."""
