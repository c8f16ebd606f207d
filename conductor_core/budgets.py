"""Budgets in USD: what a day and a month may cost, in all and at each provider; reserved before a call, settled after.

What is spent is the sum over the call rows. A running row carries the most it may cost, so a restart knows it, whatever
ended the process before: the row is then interrupted, and what it reserved stays as its estimated cost. Days and months
are those of the machine's time zone, and a call belongs to the one it began in. Simulated calls cost nothing real.

What other copies of the app on the same database spend and hold is in their rows, too. It is read twice a second, and
before a call is sent, once its own row is committed (`confirming.py`).

Everything is written on the event loop and read from any thread. Where nothing sets a budget, nothing is read either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from conductor_core.budget import Budget, BudgetLine, everyones, of_providers, shortage
from conductor_core.confirming import Limit, confirm
from conductor_core.errors import ProviderError, StoreError
from conductor_core.kinds import Outcome
from conductor_core.periods import ALL, Period, Periods, Span, Taken
from conductor_core.pricing import Usage, estimate_tokens
from conductor_core.providers.drill import DRILLS
from conductor_core.settings import Settings
from conductor_core.watch import Watch

if TYPE_CHECKING:
    from conductor_core.keys.budget import Hold
    from conductor_core.prompt import Prompt
    from conductor_core.providers.base import BaseProvider
    from conductor_core.routing.candidates import Candidate, Job, Refusal
    from conductor_core.store.database import Store
    from conductor_core.store.spending import Account, Bounds, Payer

MOST_TOKENS = 32_000
"""What is reserved for an answer that nothing limits, as requests to `/v1` may leave it: a longer one overruns its
budget by what it has beyond, and counts in full once it has ended."""

_SIMULATED = frozenset(vendor.name for vendor in DRILLS)


Listener = Callable[[Budget, str, int, int], None]
"""Told when a budget stops a call: which one, the sentence, and its period's start and end (UTC ms)."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call may cost, taken from the budgets until it is settled.

    Attributes:
        usd: None when its price is unknown.
        at: when the call began, UTC ms.
        binding: a budget applies: nothing may be sent before the call's row, which carries it, is committed.
        hold: what the API key's own budget holds for it, if it has one.
    """

    budgets: Budgets
    provider: str
    usd: float | None
    at: int
    binding: bool
    hold: Hold | None = None

    async def confirm(self, id: str) -> None:
        """Makes sure, once the row of that id is committed, of its room beside what other copies of the app hold.

        Raises:
            ProviderError: a budget has none after all.
            LimitReached: the key's budget has none.
            StoreError: nobody can tell.
        """
        store = self.budgets.store
        limits = [*self.budgets.limits(self), *(self.hold.limits() if self.hold else ())]
        if not store.shared or not limits or not self.usd:
            return

        def learn(accounts: Mapping[Bounds, Account]) -> None:
            self.budgets.learn(accounts)
            if self.hold:
                self.hold.budgets.learn(accounts)

        await confirm(store.spending, limits, self.usd, (self.at, id), learn)

    def settle(self, actual: float | None) -> None:
        """Gives it back for what the call really cost; once."""
        self.budgets.settle(self.provider, self.usd, actual, self.at)
        if self.hold:
            self.hold.settle(actual)


class Budgets:
    """Every budget of an installation.

    Args:
        settings: what sets them.
        store: where earlier calls are summed, and what says whether rows are being saved.
        label: the name people read of a provider.
        clock: UTC seconds.
        zone: whose days and months; None: the machine's.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        label: Callable[[str], str] = str,
        *,
        clock: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        self.store = store
        self._label = label
        self._clock = clock
        self._zone = zone
        self._opened = clock()
        self._spans = [Periods(span, self._opened, zone) for span in Span]
        self._now: tuple[Period, ...] = ()
        self._bounds = (0.0, 0.0)
        self._listeners: list[Listener] = []
        self._watch = Watch("budgets", self.look)
        self.apply(settings)
        self._turn_over(self._opened)

    def apply(self, settings: Settings) -> None:
        """Puts changed limits in force for the calls that come."""
        self.beyond = settings.budget_beyond
        self._everyones = everyones(settings)
        own = of_providers(settings, self._label)
        self._budgets = {provider: (*self._everyones, *budgets) for provider, budgets in own.items()}
        self._all = (*self._everyones, *(budget for budgets in own.values() for budget in budgets))

    def on_stop(self, listener: Listener) -> None:
        """Has `listener` told of every call a budget stops; it is called on the loop and must not block."""
        self._listeners.append(listener)

    def open(self) -> None:
        """Reads what earlier calls cost, where a budget needs it, and from then on what other copies of the app do."""
        if self._all:
            self._unreadable(self._periods(self._clock()))
        if self.store.shared:
            self._watch.start()

    def close(self) -> None:
        """Looks no more."""
        self._watch.stop()

    def look(self) -> None:
        """Reads what others spend and hold, where a budget needs it.

        Raises:
            StoreError: it can't be read.
        """
        if self._all:
            periods = self._periods(self._clock())
            self.learn(self.store.spending.look([period.bounds for period in periods]))

    def learn(self, accounts: Mapping[Bounds, Account]) -> None:
        """Takes over what a look found of the current day and month."""
        for period in self._now:
            if period.bounds in accounts:
                period.learn(accounts[period.bounds], _payees)

    @property
    def any(self) -> bool:
        """Whether there is any budget at all."""
        return bool(self._all)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What AUTO's filter has to ask."""
        return (self.refuses,) if self._all else ()

    def applies(self, provider: str) -> bool:
        """Whether any budget limits a provider."""
        return bool(self._applying(provider))

    def reserve(self, provider: str, usd: float | None) -> Reservation:
        """Takes the most a call may cost from every budget that applies; nothing when one has no room.

        Args:
            usd: None: its price is unknown, which no budget allows.

        Raises:
            ProviderError: of kind `budget`; names the budget, what is spent, and what to do.
        """
        now = self._clock()
        periods, budgets = self._periods(now), self._applying(provider)
        if budgets and usd != 0.0:
            self._check(provider, usd, periods, budgets)
        if usd and provider not in _SIMULATED:
            for period in periods:
                period.hold(provider, usd)
        return Reservation(self, provider, usd, int(now * 1000), bool(budgets and usd))

    def limits(self, reserved: Reservation) -> list[Limit]:
        """The budgets that bind a call, as all copies together have to keep them."""

        def of(budget: Budget) -> Limit:
            period = self._spans[budget.span is Span.MONTH].of(reserved.at / 1000)

            def refusal(taken: Taken) -> ProviderError:
                sentence = self._without_room(budget, period, taken, reserved.usd or 0.0)
                self._tell(budget, sentence, period)
                return _error(reserved.provider, sentence)

            return Limit(period, budget.limit, lambda payer: budget.provider in _payees(payer), refusal)

        return [of(budget) for budget in self._applying(reserved.provider)]

    def settle(self, provider: str, reserved: float | None, actual: float | None, at: int) -> None:
        """Puts what a call begun at `at` (UTC ms) really cost in place of what it had reserved."""
        if not (reserved or actual) or provider in _SIMULATED:
            return
        for periods in self._spans:
            periods.of(at / 1000).settle(provider, reserved or 0.0, actual or 0.0)

    def admits(self, provider: str, usd: float | None) -> bool:
        """Whether `reserve` would do just now; listeners learn of it when not."""
        budgets = self._applying(provider)
        if not budgets or usd == 0.0:
            return True
        try:
            self._check(provider, usd, self._periods(self._clock()), budgets)
        except ProviderError:
            return False
        return True

    def refusal(self, provider: str, usd: float | None) -> str:
        """Why a call of at most `usd` may not be made just now; empty when it may."""
        budgets = self._applying(provider)
        return self._objection(provider, usd, self._periods(self._clock()), budgets)[1] if budgets else ""

    def refuses(self, candidate: Candidate, job: Job) -> str | None:
        """The same for one of AUTO's candidates, as its filter asks."""
        budgets = self._applying(candidate.provider)
        if not budgets:
            return None
        most = job._replace(completion_tokens=max(job.completion_tokens, job.most_tokens))
        return self.refusal(candidate.provider, candidate.expected_usd(most)) or None

    def stops_everyone(self, usds: Iterable[tuple[str, float | None]]) -> str:
        """Why AUTO may not go on with free providers in place of the priced ones given; empty when it may.

        It may when the user wants it, and when not every one of those is stopped by a budget of the whole installation.

        Args:
            usds: provider and highest cost of each priced one.
        """
        if self.beyond == "free" or not self._everyones:
            return ""
        periods = self._periods(self._clock())
        found = [self._objection(provider, usd, periods, self._everyones)[1] for provider, usd in usds]
        return found[0] if found and all(found) else ""

    def left(self, provider: str) -> float | None:
        """USD a call may cost at most just now; None when no budget applies."""
        budgets = self._applying(provider)
        lines = [self._line(budget) for budget in budgets]
        return min((max(0.0, line.budget.limit - line.spent - line.held) for line in lines), default=None)

    def standing(self) -> list[BudgetLine]:
        """How every budget stands, those of the whole installation first."""
        self._unreadable(self._periods(self._clock()))
        return [self._line(budget) for budget in self._all]

    def refused(self, provider: str, usd: float | None) -> ProviderError | None:
        """What `reserve` would raise just now; None when it would not."""
        sentence = self.refusal(provider, usd)
        return _error(provider, sentence) if sentence else None

    def unkept(self, provider: str) -> ProviderError:
        """What a call ends with whose row, and so its reservation, could not be saved before it was sent."""
        trouble = self.store.writer.trouble or "The database is busy."
        return _error(provider, f"Nothing was sent, because its cost could not be noted. {trouble}")

    def _check(
        self, provider: str, usd: float | None, periods: tuple[Period, ...], budgets: tuple[Budget, ...]
    ) -> None:
        budget, sentence = self._objection(provider, usd, periods, budgets)
        if not sentence:
            return
        if budget:
            self._tell(budget, sentence, _matching(budget, periods))
        raise _error(provider, sentence)

    def _tell(self, budget: Budget, sentence: str, period: Period) -> None:
        for listener in self._listeners:
            listener(budget, sentence, *period.bounds)

    def _objection(
        self, provider: str, usd: float | None, periods: tuple[Period, ...], budgets: tuple[Budget, ...]
    ) -> tuple[Budget | None, str]:
        """The budget that has no room, and the sentence that says so; no budget when none could be looked at."""
        if usd == 0.0:
            return None, ""
        if usd is None:
            return None, (
                f"The price of {self._label(provider)}'s model is unknown, and {_lower(budgets[0].name)} needs one. "
                f"Use another model or provider, or take {budgets[0].variable} back in Settings."
            )
        trouble = self.store.writer.trouble or self._unreadable(periods)
        if trouble:
            return None, f"{budgets[0].name} can't be kept: {trouble} Until then only free providers are asked."
        for budget in budgets:
            period = _matching(budget, periods)
            taken = period.taken_by(budget.provider)
            if not taken.leaves(usd, budget.limit):
                return budget, self._without_room(budget, period, taken, usd)
        return None, ""

    def _without_room(self, budget: Budget, period: Period, taken: Taken, usd: float) -> str:
        why = shortage(period, taken, usd, budget.limit, self._zone)
        other = "another" if budget.provider else "a free"
        return f"{budget.name} {why} Raise {budget.variable} in Settings, or use {other} provider."

    def _line(self, budget: Budget) -> BudgetLine:
        period = _matching(budget, self._periods(self._clock()))
        return BudgetLine(budget, *period.taken_by(budget.provider), period.bounds[1])

    def _unreadable(self, periods: tuple[Period, ...]) -> str:
        """Reads what others' calls of these periods cost, if nobody has; returns why that can't be done."""
        if any(period.others is None for period in periods):
            try:
                self.learn(self.store.spending.look([period.bounds for period in periods]))
            except StoreError as error:
                return str(error)
        return ""

    def _applying(self, provider: str) -> tuple[Budget, ...]:
        return () if provider in _SIMULATED else self._budgets.get(provider, self._everyones)

    def _periods(self, now: float) -> tuple[Period, ...]:
        """The current day and month."""
        if not self._bounds[0] <= now < self._bounds[1]:
            self._turn_over(now)
        return self._now

    def _turn_over(self, now: float) -> None:
        """Finds the day and the month of `now`."""
        day, month = (periods.of(now) for periods in self._spans)
        self._now, self._bounds = (day, month), (day.start, day.end)


def highest_cost(provider: BaseProvider, prompt: Prompt) -> float | None:
    """USD a call costs at most: its prompt as we count it, and as long an answer as it allows. None: price unknown.

    What a model thinks is part of the answer and of its limit. Our count of a prompt can be too low, most of all for
    text in other scripts than Latin: settling with the provider's own count puts that right.
    """
    if provider.is_free(prompt.model):
        return 0.0
    usage = Usage(estimate_tokens(prompt.characters), prompt.max_tokens or MOST_TOKENS)
    return provider.estimate_cost(usage, prompt.model)


def _payees(payer: Payer) -> tuple[str, str]:
    """Whose budgets a call counts for."""
    return payer.provider, ALL


def _matching(budget: Budget, periods: tuple[Period, ...]) -> Period:
    return periods[budget.span is Span.MONTH]


def _error(provider: str, sentence: str) -> ProviderError:
    return ProviderError(sentence, provider=provider, kind=Outcome.BUDGET)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
