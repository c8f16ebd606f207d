"""What each key may spend a day: reserved before a call, settled after.

The same rules as for the installation's own budgets (`budgets.py`): what is spent is the sum over the key's call rows
of today, in the machine's zone; a running row carries the most it may cost, so that a restart knows it; a call belongs
to the day it began in; what other copies of the app on the same database spend and hold counts. The gateway asks for
every attempt, so no door can forget to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from conductor_core.budget import shortage
from conductor_core.confirming import Limit
from conductor_core.errors import LimitReached, StoreError
from conductor_core.keys.key import ApiKey
from conductor_core.periods import Period, Periods, Span, Taken

if TYPE_CHECKING:
    from conductor_core.store.database import Store
    from conductor_core.store.spending import Account, Bounds, Payer

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

    def limits(self) -> list[Limit]:
        """The key's budget, as all copies together have to keep it."""
        return self.budgets.limits(self)

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
        """Reads what others spend and hold today.

        Raises:
            StoreError: it can't be read.
        """
        self._read(self._days.of(self._clock()))

    def learn(self, accounts: Mapping[Bounds, Account]) -> None:
        """Takes over what a look found of today."""
        today = self._days.of(self._clock())
        if today.bounds in accounts:
            today.learn(accounts[today.bounds], _payees)

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

    def limits(self, hold: Hold) -> list[Limit]:
        """What binds a call: its key's budget, if it still has one."""
        key, day = self._limited(hold.key_id), self._days.of(hold.at)
        if key is None or key.budget_day is None:
            return []

        def refusal(taken: Taken) -> LimitReached:
            return self._without_room(key, day, taken, hold.usd)

        return [Limit(day, key.budget_day, lambda payer: payer.key_id == key.id, refusal)]

    def settle(self, hold: Hold, actual: float) -> None:
        """Puts what a call really cost in place of what it held."""
        self._days.of(hold.at).settle(hold.key_id, hold.usd, actual)

    def refused(self, key_id: str | None, usd: float | None) -> LimitReached | None:
        """What `reserve` would raise just now; None when it would not."""
        key = self._limited(key_id)
        if key is None or key.budget_day is None or usd == 0.0:
            return None
        name = _name(key)
        if usd is None:
            return LimitReached(f"{name} needs a price, and this model has none. Use another model.", retry_after=None)
        day = self._days.of(self._clock())
        trouble = self._store.writer.trouble or self._unreadable(day)
        if trouble:
            return LimitReached(f"{name} can't be kept: {trouble} Until then only free models.", retry_after=_SOON)
        taken = day.taken_by(key.id)
        return None if taken.leaves(usd, key.budget_day) else self._without_room(key, day, taken, usd)

    def today(self, key_id: str) -> Taken:
        """USD a key's ended calls of today cost, and what its running ones hold."""
        day = self._days.of(self._clock())
        self._unreadable(day)
        return day.taken_by(key_id)

    def _limited(self, key_id: str | None) -> ApiKey | None:
        """The key, where it has a budget."""
        key = self._find(key_id) if key_id else None
        return key if key and key.budget_day is not None else None

    def _without_room(self, key: ApiKey, day: Period, taken: Taken, usd: float) -> LimitReached:
        limit = key.budget_day or 0.0
        why = shortage(day, taken, usd, limit, self._zone)
        room_soon = taken.spent + usd <= limit  # once what runs has ended: it rarely costs the most
        wait = _SOON if room_soon else max(1.0, day.end - self._clock())
        return LimitReached(f"{_name(key)} {why} Use a free model, or another key.", retry_after=wait)

    def _unreadable(self, day: Period) -> str:
        """Reads what others' calls of a day cost, if nobody has; returns why that can't be done."""
        if day.others is None:
            try:
                self._read(day)
            except StoreError as error:
                return str(error)
        return ""

    def _read(self, day: Period) -> None:
        day.learn(self._store.spending.look([day.bounds])[day.bounds], _payees)


def _name(key: ApiKey) -> str:
    return f"Today's budget of the key “{key.name}”"


def _payees(payer: Payer) -> tuple[str, ...]:
    """Whose budget a call counts for."""
    return (payer.key_id,) if payer.key_id else ()
