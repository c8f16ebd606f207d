"""Makes sure of a budget's room once more where several copies of the app share a database, before a call is sent.

Each copy reserves by what it knows, and others reserve meanwhile. So once a call's row is committed with the most it
may cost, all rows are looked at: it is sent when they have room together. Of any calls, the one that looked last had
all the others' rows before it, so that all that are sent have room, without a lock.

Calls that cross each other may all find too little room. Then their order decides, by begin and id: those that have no
room even after only the older ones give way at once, and the others look again until they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from conductor_core.errors import ConductorError
from conductor_core.periods import Period, Taken
from conductor_core.store.spending import Account, Bounds, Payer, Running, Spending

PATIENCE = 0.25
"""Seconds a call waits for younger ones to give way: much longer than a commit takes."""
_PAUSE = 0.01  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget as it binds one call.

    Attributes:
        usd: what it is.
        counts: whose calls take from it.
        refusal: the error of a call it has no room for.
    """

    period: Period
    usd: float
    counts: Callable[[Payer], bool]
    refusal: Callable[[Taken], ConductorError]

    def taken(self, account: Account, which: Callable[[Running], bool]) -> Taken:
        """By the calls that have ended, and by those of the running ones."""
        spent = sum([usd for payer, usd in account.ended.items() if self.counts(payer)])
        held = sum([call.usd for call in account.running if self.counts(call.payer) and which(call)])
        return Taken(spent, held)


async def confirm(
    spending: Spending,
    limits: Collection[Limit],
    usd: float,
    place: tuple[int, str],
    learn: Callable[[Mapping[Bounds, Account]], None],
) -> None:
    """Returns once a call whose row is committed may be sent.

    Args:
        usd: the most it may cost.
        place: its begin (UTC ms) and its id.
        learn: is given what was seen at each look.

    Raises:
        ProviderError, LimitReached: as the limit without room says.
        StoreError: nobody can tell.
    """
    spans = {limit.period.bounds for limit in limits}
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while True:
        accounts = await spending.look_soon(spans)
        learn(accounts)
        crossed = False
        for limit in limits:
            account = accounts[limit.period.bounds]
            others = limit.taken(account, lambda call: call.id != place[1])
            if others.leaves(usd, limit.usd):
                continue
            crossed = True
            older = limit.taken(account, lambda call: call[:2] < place)
            if not older.leaves(usd, limit.usd) or asyncio.get_running_loop().time() >= give_up_at:
                raise limit.refusal(others)
        if not crossed:
            return
        await asyncio.sleep(_PAUSE)
