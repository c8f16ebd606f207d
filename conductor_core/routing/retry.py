"""How often and how soon a failed call may be tried again.

The budget is a token bucket per provider, so that an outage is not made worse by everybody's retries (Brooker, "Fixing
retries with token buckets and circuit breakers"); the delay is exponential with full jitter (Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog).
"""

from __future__ import annotations

import random

CAPACITY = 10.0
COST = 1.0
REFUND = 0.1
"""A retry costs one token, a success brings a tenth back: in the long run one retry to ten successes."""

RETRY_AFTER_JITTER = 0.1
"""What a provider asks to wait is waited, and up to this share more, so that not all come back at once."""


class RetryBudget:
    """One bucket per provider, full at first."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def tokens(self, provider: str) -> float:
        """What is left."""
        return self._tokens.get(provider, CAPACITY)

    def take(self, provider: str) -> bool:
        """Takes a retry from the bucket; False when there is none left, and another provider is to be asked."""
        left = self.tokens(provider)
        if left < COST:
            return False
        self._tokens[provider] = left - COST
        return True

    def refund(self, provider: str) -> None:
        """Notes a success."""
        left = self._tokens.get(provider)
        if left is not None:
            self._tokens[provider] = min(CAPACITY, left + REFUND)


def backoff(retry: int, rng: random.Random, base: float = 0.5, longest: float = 8.0, least: float = 0.0) -> float:
    """Seconds to wait before the retry of that number (the first is 0): evenly between `least` and the ceiling."""
    return rng.uniform(least, max(least, min(longest, base * 2**retry)))


def asked_wait(retry_after: float, rng: random.Random, longest: float = 60.0) -> float:
    """Seconds to wait when the provider said how long: exactly that, at most `longest`, and up to a tenth more."""
    return min(max(retry_after, 0.0), longest) * (1.0 + rng.uniform(0.0, RETRY_AFTER_JITTER))
