"""One budget: what a day or a month may cost, in all or at one provider, and how it stands. USD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from conductor_core.periods import ALL, ROUNDING, Period, Span, Taken
from conductor_core.settings import PREFIX, Settings

NEAR = 0.8
"""From this share of a budget on, the reader is warned."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit: of a provider, or of `ALL`, in USD. `variable` is what sets it."""

    span: Span
    provider: str
    limit: float
    variable: str
    label: str = ""

    @property
    def name(self) -> str:
        """`Today's budget`, `This month's budget for OpenAI`."""
        whose = f" for {self.label or self.provider}" if self.provider else ""
        return f"{'Today' if self.span is Span.DAY else 'This month'}'s budget{whose}"


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """How a budget stands. `held` is what running calls have reserved; `ends_at` is UTC ms."""

    budget: Budget
    spent: float
    held: float
    ends_at: int

    @property
    def share(self) -> float:
        """The part that is spent or held; 1 and more: nothing is left."""
        taken = self.spent + self.held
        return taken / self.budget.limit if self.budget.limit else 1.0

    @property
    def near(self) -> bool:
        """Whether little or nothing is left."""
        return self.share >= NEAR

    @property
    def warning(self) -> str:
        """A sentence while it is nearly or wholly used, else nothing."""
        budget = self.budget
        if not self.near:
            return ""
        if self.spent >= budget.limit - ROUNDING:
            return f"{budget.name} of {dollars(budget.limit)} is used up."
        return f"{budget.name} of {dollars(budget.limit)} is {int(self.share * 100)} % used."


def everyones(settings: Settings) -> tuple[Budget, ...]:
    """The budgets of the whole installation."""
    return _of(ALL, "", settings.budget_day, settings.budget_month, f"{PREFIX}BUDGET_")


def of_providers(settings: Settings, label: Callable[[str], str]) -> dict[str, tuple[Budget, ...]]:
    """Each provider's own budgets."""
    found = {}
    for key, limits in settings.budgets.items():
        provider = _provider_named(key)
        stem = f"{PREFIX}BUDGETS__{key.upper()}__"
        found[provider] = _of(provider, label(provider), limits.day, limits.month, stem)
    return found


def shortage(period: Period, taken: Taken, usd: float, limit: float, zone: tzinfo | None) -> str:
    """Why there is no room for a call that may cost so much, and until when: what comes after a budget's name."""
    spent, held = taken
    if spent >= limit - ROUNDING:
        why = f"is used up ({dollars(spent)})."
    else:
        running = f", {dollars(held)} held by running calls" if held else ""
        why = f"has no room for this call: {dollars(spent)} is spent{running}, and it may cost {dollars(usd)}."
    anew = datetime.fromtimestamp(period.end, zone)
    when = f"at {anew:%H:%M}" if period.span is Span.DAY else f"on {anew.day} {anew:%B}"
    return f"of {dollars(limit)} {why} It starts anew {when}."


def dollars(usd: float) -> str:
    """`$5.00`; below a cent as many digits as it takes."""
    if usd >= 0.01 or not usd:
        return f"${usd:,.2f}"
    return f"${max(usd, 0.000001):.6f}".rstrip("0")


def _of(provider: str, label: str, day: float | None, month: float | None, stem: str) -> tuple[Budget, ...]:
    limits = ((Span.DAY, day), (Span.MONTH, month))
    return tuple(
        Budget(span, provider, limit, stem + span.upper(), label) for span, limit in limits if limit is not None
    )


def _provider_named(key: str) -> str:
    """The provider of a `CONDUCTOR_BUDGETS__<PROVIDER>__…`: `custom_my_box` is `custom:my-box`."""
    stem = "custom_"
    return f"custom:{key.removeprefix(stem).replace('_', '-')}" if key.startswith(stem) else key
