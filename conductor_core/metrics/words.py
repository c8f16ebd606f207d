"""How outcomes and times are said to people, the same on every page and at every door."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from conductor_core.kinds import Outcome

OUTCOME_WORDS: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.RUNNING: "running",
        Outcome.OK: "answered",
        Outcome.LENGTH: "answered up to its limit",
        Outcome.BLOCKED: "blocked by its safety filter",
        Outcome.EMPTY: "empty answer",
        Outcome.BAD_REQUEST: "request refused",
        Outcome.AUTH: "key refused",
        Outcome.FORBIDDEN: "not allowed",
        Outcome.NOT_FOUND: "model not found",
        Outcome.TOO_LARGE: "prompt too long",
        Outcome.RATE_LIMITED: "rate limited",
        Outcome.QUOTA: "quota used up",
        Outcome.TIMEOUT: "timed out",
        Outcome.SERVER_ERROR: "server error",
        Outcome.UNAVAILABLE: "unavailable",
        Outcome.OVERLOADED: "overloaded",
        Outcome.CONNECTION: "no connection",
        Outcome.STREAM_CUT: "answer cut off",
        Outcome.BAD_RESPONSE: "unreadable answer",
        Outcome.CANCELLED: "stopped",
        Outcome.INTERRUPTED: "interrupted",
        Outcome.BUDGET: "over budget",
        Outcome.REFUSED: "not sent",
    }
)


def error_words(outcome: Outcome, http_status: int | None = None) -> str:
    """An error in our words, with the HTTP status where there was one: `rate limited (429)`."""
    return f"{OUTCOME_WORDS[outcome]} ({http_status})" if http_status else OUTCOME_WORDS[outcome]


def seconds_words(milliseconds: float) -> str:
    """A time span as people read it: `0.42 s`, `1.9 s`, `12 s`, `3 min`, `1.5 h`."""
    seconds = milliseconds / 1000
    if 0 < seconds < 0.005:
        return "< 0.01 s"
    if round(seconds) >= 60:
        minutes = seconds / 60
        return _short(minutes, "min") if round(minutes) < 60 else _short(minutes / 60, "h")
    digits = 2 if round(seconds, 2) < 1 else 1 if round(seconds, 1) < 10 else 0
    return f"{seconds:.{digits}f} s"


def _short(value: float, unit: str) -> str:
    return f"{value:.1f}".removesuffix(".0") + f" {unit}" if round(value, 1) < 10 else f"{value:.0f} {unit}"
