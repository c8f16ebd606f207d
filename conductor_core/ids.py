"""Names of calls and requests: 32 hexadecimal digits in the order of time, as RFC 9562's UUID version 7 has them.

In that order new rows stand side by side in the database's index, where random ones would dirty a page each; and no
system call, during which the interpreter lock changes hands, is made for them. They are no secrets: nothing may be
reached because its name is known.
"""

from __future__ import annotations

import random
import time

_RANDOM_BITS = 80


def new_id() -> str:
    """48 bits of UTC ms, then 80 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{random.getrandbits(_RANDOM_BITS):020x}"
