"""The finished calls of the past, kept as one frame, so that a page that refreshes reads only what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from conductor_core.metrics.frames import COLUMNS, Range, begun_before, begun_since, frame

if TYPE_CHECKING:
    import pandas as pd

ReadColumns = Callable[[int, int, Sequence[str]], list[tuple[Any, ...]]]
"""`Store.call_columns`: some columns of the finished calls begun in [since, until) UTC ms, oldest first."""

_FOREVER = 2**62
_TOO_MUCH = 2 * Range.MONTH.span_ms


class History:
    """The store's finished calls as a frame. Any thread may ask.

    Args:
        read: how calls are read.
        settle_ms: the longest time a call can take. A call begun longer ago has its final row and is not read again.
        clock: UTC ms.
    """

    def __init__(
        self, read: ReadColumns, settle_ms: int, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._read = read
        self._settle = settle_ms
        self._clock = clock
        self._calls: pd.DataFrame | None = None
        self._since = 0
        self._settled = 0
        self._lock = threading.Lock()

    def since(self, since: int) -> pd.DataFrame:
        """Every finished call begun at `since` (UTC ms) or later, oldest first. The frame must not be changed."""
        with self._lock:
            calls = self._calls = self._current(since)
        return begun_since(calls, since)

    def _current(self, since: int) -> pd.DataFrame:
        settled = self._clock() - self._settle
        # Before the last reading: the system clock was set back. Far beyond every range: there is too much to keep.
        if self._calls is None or since < self._since or settled < self._settled or since > self._since + _TOO_MUCH:
            self._since, self._settled = since, settled
            return frame(self._read(since, _FOREVER, COLUMNS))
        return self._caught_up(self._calls, settled)

    def _caught_up(self, calls: pd.DataFrame, settled: int) -> pd.DataFrame:
        """Reads again what was not settled at the last reading."""
        import pandas as pd

        kept = begun_before(calls, self._settled)
        recent = frame(self._read(max(self._settled, self._since), _FOREVER, COLUMNS))
        self._settled = settled
        if len(kept) + len(recent) == len(calls):
            return calls
        # An empty frame has no column types of its own to agree on.
        return pd.concat([part for part in (kept, recent) if len(part)], ignore_index=True)
