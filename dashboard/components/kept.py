"""What is made for a page that refreshes itself, kept while it holds: ten viewers of one view share it."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")
M = TypeVar("M")

VIEWS = 8
"""So many views of a few readers."""


class Kept(Generic[V, M]):
    """What was last made for each of a few views, for all sessions of this process. Any thread may ask.

    Nothing in it may belong to anybody: whatever it is made from is part of its key or of its version.
    """

    def __init__(self, same: Callable[[V, V], bool] = operator.eq, most: int = VIEWS) -> None:
        self._same = same
        self._most = most
        self._made: OrderedDict[Hashable, tuple[V, M]] = OrderedDict()
        self._making: OrderedDict[Hashable, Lock] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, version: V, make: Callable[[], M]) -> M:
        """What was made of the same version, or else what is made of this one. Made once, whoever asks meanwhile."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            known = self._made.get(key)
            if known and self._same(known[0], version):
                return known[1]
            made = make()
            with self._lock:
                self._made[key] = version, made
                self._made.move_to_end(key)
                if len(self._made) > self._most:
                    self._making.pop(self._made.popitem(last=False)[0], None)
        return made
