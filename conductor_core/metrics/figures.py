"""What calls add up to: the figures every page and door shows, whether from rows or from rollups.

Requests and attempts are told apart. A request is what somebody asked for; it has one or more attempts, and ends as
its last one does. Success is judged as everywhere: successes of those that say something about a provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from conductor_core.kinds import FAILURES, SUCCESSES, Outcome
from conductor_core.metrics.interval import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from conductor_core.metrics.span import Span

SHARES = (0.5, 0.9, 0.95, 0.99)
"""The percentiles shown, as shares."""

FEW = 100
"""Below so many samples a p99 says little: it is drawn grey."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """How one measure is spread: latency and time to first token in ms, or pace in tokens/s. None: no sample."""

    n: int = 0
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


NO_QUANTILES = Quantiles()
_NOTHING: Mapping[Outcome, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of some calls. Costs in USD; None is "not known", never zero.

    Attributes:
        attempts: finished attempts by how they ended.
        requests: requests by how their last attempt ended, counted where and when that one began.
        latency: whole time of answered attempts, ms.
        ttft: time to first token of answered attempts, ms.
        pace: tokens per second after the first token, of answered attempts.
        cost_reported: by the providers' own token counts.
        cost_estimated: by ours.
        priced: attempts whose cost is known, those that cost nothing among them.
        free: attempts that cost nothing.
        priced_tokens: tokens of the attempts whose cost is known.
    """

    attempts: Mapping[Outcome, int] = field(default_factory=lambda: _NOTHING)
    requests: Mapping[Outcome, int] = field(default_factory=lambda: _NOTHING)
    latency: Quantiles = NO_QUANTILES
    ttft: Quantiles = NO_QUANTILES
    pace: Quantiles = NO_QUANTILES
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0
    priced_tokens: int = 0
    cost_reported: float = 0.0
    cost_estimated: float = 0.0
    priced: int = 0
    free: int = 0

    @property
    def calls(self) -> int:
        """Finished attempts, whatever their end."""
        return sum(self.attempts.values())

    @property
    def asked(self) -> int:
        """Requests, whatever their end."""
        return sum(self.requests.values())

    @property
    def answered(self) -> int:
        """Requests that were answered."""
        return _count(self.requests, SUCCESSES)

    @property
    def judged(self) -> int:
        """Requests that were answered or failed."""
        return self.answered + _count(self.requests, FAILURES)

    @property
    def success_rate(self) -> float | None:
        """Of requests: the share that was answered."""
        return self.answered / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the success rate."""
        return wilson(self.answered, self.judged) if self.judged else None

    @property
    def failed_attempts(self) -> int:
        return _count(self.attempts, FAILURES)

    @property
    def judged_attempts(self) -> int:
        return _count(self.attempts, SUCCESSES) + self.failed_attempts

    @property
    def error_rate(self) -> float | None:
        """Of attempts: the share that failed."""
        return self.failed_attempts / self.judged_attempts if self.judged_attempts else None

    @property
    def unpriced(self) -> int:
        """Attempts of unknown cost."""
        return self.calls - self.priced

    @property
    def cost_usd(self) -> float | None:
        """What is known to have been spent."""
        return self.cost_reported + self.cost_estimated if self.priced else None

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def coverage(self) -> float | None:
        """The share of all tokens whose price is known."""
        return self.priced_tokens / self.tokens if self.tokens else None


NO_FIGURES = Figures()


def _count(ends: Mapping[Outcome, int], kinds: frozenset[Outcome]) -> int:
    return sum(number for outcome, number in ends.items() if outcome in kinds)


@dataclass(frozen=True, slots=True)
class Lines:
    """One group over a span: an array per measure with a number per bucket, NaN where there is nothing to say.

    Attributes:
        latency, ttft, pace: a row per share of `SHARES` (ms, ms, tokens/s) …
        latency_n, ttft_n, pace_n: … and over how many samples each bucket's are.
        answered, judged: requests.
        failures: failed attempts by kind; only kinds that occurred.
        requests: requests, whatever their end.
        cost: USD of the attempts whose price is known.
    """

    latency: NDArray[np.float64]
    latency_n: NDArray[np.int64]
    ttft: NDArray[np.float64]
    ttft_n: NDArray[np.int64]
    pace: NDArray[np.float64]
    pace_n: NDArray[np.int64]
    answered: NDArray[np.int64]
    judged: NDArray[np.int64]
    requests: NDArray[np.int64]
    failures: Mapping[Outcome, NDArray[np.int64]]
    prompt_tokens: NDArray[np.int64]
    completion_tokens: NDArray[np.int64]
    cost: NDArray[np.float64]

    @property
    def success_rate(self) -> NDArray[np.float64]:
        """Per bucket; NaN where no request was judged."""
        import numpy as np

        with np.errstate(invalid="ignore"):
            return np.where(self.judged > 0, self.answered / np.maximum(self.judged, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Spread:
    """How many answered attempts took how long: `counts[i]` of them between `edges[i]` and `edges[i + 1]` ms."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Key:
    """Whose figures: a provider's, or one of its models'."""

    provider: str
    model: str = ""


class LinesByGroup(Mapping[Key, Lines]):
    """Each group over time. Lines are made when they are first asked for: often only the figures are.

    Args:
        make: the lines of a group; of None: of all of them together.
    """

    def __init__(self, keys: Sequence[Key], make: Callable[[Key | None], Lines]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make
        self._made: dict[Key | None, Lines] = {}

    @property
    def of_all(self) -> Lines:
        return self._of(None)

    def __getitem__(self, key: Key) -> Lines:
        if key not in self._keys:
            raise KeyError(key)
        return self._of(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def _of(self, key: Key | None) -> Lines:
        if key not in self._made:
            self._made[key] = self._make(key)
        return self._made[key]


@dataclass(frozen=True, slots=True)
class LastError:
    """The newest failed attempt of a provider in the span; `at` is UTC ms."""

    outcome: Outcome
    http_status: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the Health page draws of one span.

    Attributes:
        total: all groups together.
        before: all of the span just before, to compare with; None when not asked for …
        span_before: … and which span that is.
        groups: each group's figures; groups without a call in the span are not there.
        groups_before: theirs in the span before.
        lines: each group over time.
        spreads: each group's latencies.
        last_errors: by provider.
        exact: percentiles are from the calls themselves; else from sketches, which are within 1 %.
        pending: finished calls that no rollup knows yet. They are counted in all the same.
        stale: so many more calls wait to be added up that they are not counted in yet.
    """

    span: Span
    total: Figures
    before: Figures | None
    groups: Mapping[Key, Figures]
    groups_before: Mapping[Key, Figures]
    lines: LinesByGroup
    spreads: Mapping[Key, Spread]
    last_errors: Mapping[str, LastError]
    exact: bool
    pending: int = 0
    stale: int = 0
    span_before: Span | None = None

    @property
    def all_lines(self) -> Lines:
        """All groups together over time."""
        return self.lines.of_all


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls. Empty means all.

    Attributes:
        outcomes, conversation, keys: only rows know these: with one of them at most `ROWS_AT_MOST` of the newest rows
            of the span are read, and `Overview.stale` says how many were not.
    """

    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    conversation: str | None = None
    drill: bool = False
    keys: tuple[str, ...] = ()

    @property
    def of_rows(self) -> bool:
        """Whether only rows can answer it."""
        return bool(self.outcomes or self.conversation or self.keys)


NO_FILTER = Filter()
"""All calls but those of drills."""

ROWS_AT_MOST = 50_000
