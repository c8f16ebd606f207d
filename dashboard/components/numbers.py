"""How figures are written, the same everywhere. A figure that is not there yet is an en dash, never 0.

All of it is plain text: a `$` must be escaped before it goes into Markdown, where a pair of them means a formula.
"""

from __future__ import annotations

from conductor_core.kinds import CostKind
from conductor_core.metrics.interval import wilson
from conductor_core.metrics.words import seconds_words

MISSING = "–"
INTERVAL_BELOW = 1000
"""From this many calls on, the interval around a share is too narrow to be worth its space."""


def seconds(milliseconds: float | None) -> str:
    """`0.42 s`, `1.9 s`, `12 s`, `3 min`."""
    return MISSING if milliseconds is None else seconds_words(milliseconds)


def rate(tokens_per_second: float | None) -> str:
    """`84 tok/s`; one decimal below ten."""
    if tokens_per_second is None:
        return MISSING
    digits = 1 if round(tokens_per_second, 1) < 10 else 0
    return f"{tokens_per_second:,.{digits}f} tok/s"


def tokens(prompt: int | None, completion: int | None, estimated: bool = False) -> str:
    """`31 → 118`: tokens in and out; `~` before them when they were counted by us."""
    if prompt is None and completion is None:
        return MISSING
    sign = "~" if estimated else ""
    return f"{sign}{count(prompt)} → {count(completion)}"


def count(number: int | None) -> str:
    """`1,204`."""
    return MISSING if number is None else f"{number:,}"


def size(count: int) -> str:
    """Bytes, in steps of a thousand."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f}\u00a0KB" if count < 1_000_000 else f"{count / 1_000_000:.1f}\u00a0MB"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`; of the few lanes there are."""
    return f"{number}{('st', 'nd', 'rd')[number - 1] if number <= 3 else 'th'}"


def attempts(number: int) -> str:
    """`1 attempt`, `1,250 attempts`."""
    return "1 attempt" if number == 1 else f"{count(number)} attempts"


def money(usd: float | None, kind: CostKind | None = CostKind.REPORTED) -> str:
    """`$1.27`, `$0.0004` (two significant digits below a cent), `~$0.31` estimated, `free`, `price unknown`.

    Args:
        kind: None when nothing has been spent or measured yet.
    """
    if kind is CostKind.FREE:
        return "free"
    if kind is CostKind.UNKNOWN:
        return "price unknown"
    if usd is None or kind is None:
        return MISSING
    return ("~" if kind is CostKind.ESTIMATED else "") + _dollars(usd)


def unbroken(line: str) -> str:
    """A line of figures that wraps between them only: no unit without its number, no dot at the start of a line."""
    return " ".join(figure.replace(" ", "\u00a0") for figure in line.replace(" · ", "\u00a0·\n").split("\n"))


def total(usd: float | None, estimated: bool = False, unpriced: int = 0, free: bool = False) -> str:
    """What several calls cost together: `~$0.31 + 3 unpriced`. Calls of unknown price are named, never taken as 0."""
    if usd is None:
        return "price unknown" if unpriced else MISSING
    kind = CostKind.FREE if free and not usd else CostKind.ESTIMATED if estimated else CostKind.REPORTED
    known = money(usd, kind)
    return f"{known} + {unpriced:,} unpriced" if unpriced else known


def percent(share: float | None) -> str:
    """`98.9 %`; a share that is not quite all is never rounded up to all, nor one that is not quite nothing down."""
    if share is None:
        return MISSING
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %"


def success(successes: int, n: int) -> str:
    """`98.9 % [97.2–99.6] n 412`: the share with its 95 % interval where calls are few, and always how many."""
    if not n:
        return MISSING
    if n >= INTERVAL_BELOW:
        return f"{percent(successes / n)} n {n:,}"
    return f"{percent(successes / n)} {bounds(*wilson(successes, n))} n {n}"


def bounds(low: float, high: float) -> str:
    """`[97.2–99.6]`: an interval of a share in per cent."""
    return f"[{_bound(low)}–{_bound(high)}]"


def _bound(share: float) -> str:
    return percent(share).removesuffix(" %")


def _dollars(usd: float) -> str:
    if usd == 0:
        return "$0.00"
    if usd < 0.0000005:
        return "< $0.000001"
    if round(usd, 4) >= 0.01:
        return f"${usd:,.2f}"
    digits = max(2, 1 - int(f"{usd:.1e}".partition("e")[2]))
    return f"${usd:.{digits}f}".rstrip("0")
