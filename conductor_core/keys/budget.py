"""What each key may spend a day: reserved before a call, settled after.

The same rules as for the installation's own budgets (`budgets.py`): what is spent is the sum over the key's call rows
of today, in the machine's zone; a running row carries the most it may cost, so that a restart knows it; a call belongs
to the day it began in. The gateway asks for every attempt, so no door can forget to. What other copies of the app on
the same database spend and hold is in their rows, too, and read again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from conductor_core.budgets import shortage
from conductor_core.errors import LimitReached, StoreError
from conductor_core.keys.key import ApiKey
from conductor_core.periods import Period, Periods, Span

if TYPE_CHECKING:
    from conductor_core.store.database import Store

_SOON = 5.0  # seconds until the database may be readable again


@dataclass(frozen=True, slots=True)
class Hold:
    """What one call may cost, taken from its key's budget until it is settled.

    Attributes:
        at: when it was taken, UTC s.
    """

    budgets: KeyBudgets
    key_id: str
    usd: float
    at: float

    def settle(self, actual: float | None) -> None:
        """Gives it back for what the call really cost; once."""
        self.budgets.settle(self, actual or 0.0)


class KeyBudgets:
    """The budgets of all keys. Held and settled on the event loop; any thread may read, and read what others spent.

    Args:
        find: the key of an id.
        clock: UTC seconds.
        zone: whose days; None: the machine's.
    """

    def __init__(
        self,
        store: Store,
        find: Callable[[str], ApiKey | None],
        *,
        clock: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        self._store = store
        self._find = find
        self._clock = clock
        self._zone = zone
        self._opened = clock()
        self._days = Periods(Span.DAY, self._opened, zone)
        self._look_at = 0.0

    def load(self) -> None:
        """Reads what earlier calls of today cost; else the first call to be checked does."""
        self._unreadable(self._days.of(self._clock()))

    def look(self) -> None:
        """Reads what other copies spend, as often as it is called, but that it takes a twentieth of the time at most.

        Raises:
            StoreError: it can't be read.
        """
        began = time.monotonic()
        if began >= self._look_at:
            self._read(self._days.of(self._clock()))
            ended = time.monotonic()
            self._look_at = ended + 20 * (ended - began)

    def applies(self, key_id: str | None) -> bool:
        """Whether a key has a budget."""
        return self._limited(key_id) is not None

    def reserve(self, key_id: str | None, usd: float | None) -> Hold | None:
        """Takes the most a call may cost from its key's budget; None where no key with a budget asks.

        Args:
            usd: None: its price is unknown, which no budget allows.

        Raises:
            LimitReached: there is no room, or nobody can tell; names the key, what is spent, and until when.
        """
        refused = self.refused(key_id, usd)
        if refused:
            raise refused
        key = self._limited(key_id)
        if key is None or not usd:
            return None
        now = self._clock()
        self._days.of(now).hold(key.id, usd)
        return Hold(self, key.id, usd, now)

    def settle(self, hold: Hold, actual: float) -> None:
        """Puts what a call really cost in place of what it held."""
        self._days.of(hold.at).settle(hold.key_id, hold.usd, actual)

    def refused(self, key_id: str | None, usd: float | None) -> LimitReached | None:
        """What `reserve` would raise just now; None when it would not."""
        key = self._limited(key_id)
        if key is None or key.budget_day is None or usd == 0.0:
            return None
        name = f"Today's budget of the key “{key.name}”"
        if usd is None:
            return LimitReached(f"{name} needs a price, and this model has none. Use another model.", retry_after=None)
        day = self._days.of(self._clock())
        trouble = self._store.writer.trouble or self._unreadable(day)
        if trouble:
            return LimitReached(f"{name} can't be kept: {trouble} Until then only free models.", retry_after=_SOON)
        if day.has_room(key.id, usd, key.budget_day):
            return None
        why = shortage(day, key.id, usd, key.budget_day, self._zone)
        room_soon = day.spent_by(key.id) + usd <= key.budget_day  # once what runs has ended: it rarely costs the most
        wait = _SOON if room_soon else max(1.0, day.end - self._clock())
        return LimitReached(f"{name} {why} Use a free model, or another key.", retry_after=wait)

    def today(self, key_id: str) -> tuple[float, float]:
        """USD a key's ended calls of today cost, and what its running ones hold."""
        day = self._days.of(self._clock())
        self._unreadable(day)
        return day.spent_by(key_id), day.held_by(key_id)

    def _limited(self, key_id: str | None) -> ApiKey | None:
        """The key, where it has a budget."""
        key = self._find(key_id) if key_id else None
        return key if key and key.budget_day is not None else None

    def _unreadable(self, day: Period) -> str:
        """Reads what earlier calls of a day cost, once; returns why that can't be done."""
        if day.earlier is None:
            try:
                self._read(day)
            except StoreError as error:
                return str(error)
        return ""

    def _read(self, day: Period) -> None:
        """All but what this process spent.

        After a loss of its connection it may be another copy than before, and count what it had spent twice: too much,
        never too little.
        """
        start, end, opened = (int(at * 1000) for at in (day.start, day.end, self._opened))
        day.earlier = self._store.keys.spent(start, end, copy=self._store.copy, opened=opened)
