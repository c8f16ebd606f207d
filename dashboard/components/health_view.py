"""What of the Health page the address says: which span of time, grouped how, which calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

import streamlit as st

from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import LONGEST, Range, Span

CUSTOM = "custom"
By = Literal["provider", "model"]
RANGE, BY, SINCE, UNTIL, CALL = "range", "by", "since", "until", "call"
"""Names in the address; the first two are also their widgets' keys."""

_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class HealthView:
    """What the page shows.

    Attributes:
        preset: a range up to now; None: from `since` to `until`, UTC ms.
    """

    preset: Range | None
    since: int
    until: int
    by: By
    filter: Filter
    zone: tzinfo

    def span(self, now: int) -> Span:
        """The buckets to draw, at a moment in UTC ms."""
        if self.preset:
            return Span.ending(now, self.preset, self.zone)
        return Span.between(self.since, self.until, self.zone)

    @property
    def live(self) -> bool:
        """Whether new calls may still fall into it."""
        return self.preset is not None or self.until > datetime.now(UTC).timestamp() * 1000

    @property
    def words(self) -> str:
        """`24 h`, for "the 24 h before"."""
        if self.preset:
            return f"{self.preset[:-1]} {'min' if self.preset.endswith('m') else self.preset[-1]}"
        length = (self.until - self.since) / 1000
        for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
            if length >= 1.5 * size:
                return f"{length / size:.0f} {unit}"
        return f"{length:.0f} s"


def custom_range(preset: Range, now: int) -> tuple[int, int]:
    """From where to where, UTC ms, a custom range goes: as the address says, else as the preset would."""
    since, until = _moment(SINCE), _moment(UNTIL)
    if since is None or until is None or not 0 <= since < until or until - since > LONGEST:
        return now - preset.span_ms, now
    return since, until


def address_range(since: int, until: int) -> None:
    """Puts a custom range into the address."""
    for name, at in ((SINCE, since), (UNTIL, until)):
        st.query_params[name] = datetime.fromtimestamp(at / 1000, UTC).strftime(_ISO)


def forget_range() -> None:
    """Takes the custom range out of the address."""
    for name in (SINCE, UNTIL):
        st.query_params.pop(name, None)


def filter_of(
    providers: list[str], models: list[str], sources: list[str], outcomes: list[str], conversation: str, *, drill: bool
) -> Filter:
    """The filter that the widgets ask for."""
    known = [Outcome(value) for value in outcomes]
    return Filter(tuple(providers), tuple(models), tuple(sources), tuple(known), conversation.strip() or None, drill)


def by_of(value: object) -> By:
    """A grouping there is."""
    return "model" if value == "model" else "provider"


def _moment(name: str) -> int | None:
    try:
        return int(datetime.strptime(st.query_params.get(name, ""), _ISO).replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
