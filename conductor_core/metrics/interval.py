"""How sure a share is, given how many it was counted over."""

from __future__ import annotations

import math

_Z = 1.959963984540054
"""The normal distribution's 97.5 % point: two-sided 95 %."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The Wilson score interval (95 %) of `successes` in `n`, as shares from 0 to 1.

    Unlike the textbook interval it stays within 0 and 1 and holds for few calls (Wilson, JASA 22, 1927).

    Raises:
        ValueError: `n` is not positive, or `successes` is not between 0 and `n`.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    share, square = successes / n, _Z * _Z / n
    middle = share + square / 2
    spread = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    low, high = (middle - spread) / (1 + square), (middle + spread) / (1 + square)
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)
