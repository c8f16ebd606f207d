"""Random histories: calls of every kind, saved and added up in any order, and questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.overview import By
from conductor_core.metrics.span import DAY, HOUR, MINUTE, Range, Span
from conductor_core.store.database import Store
from conductor_core.store.rollups import Keep, Rollups
from conductor_core.store.tables import calls as calls_table
from conductor_core.store.tables import pruned, rollup_batches, rollups, series

ZONES = [UTC, *map(ZoneInfo, ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"))]

# All in the future, so that nothing is taken for outdated by a clock on the wall; just after clocks changed in one of
# the zones, and a day when none did.
MOMENTS = [
    int(datetime.fromisoformat(at).timestamp() * 1000)
    for at in (
        "2030-03-31T12:34:56.789+00:00",  # Berlin, forward
        "2030-10-27T20:00:00.000+00:00",  # Berlin, back
        "2030-03-10T17:59:59.999+00:00",  # New York, forward
        "2030-11-03T05:30:00.001+00:00",  # New York, back
        "2030-10-05T16:10:00.000+00:00",  # Lord Howe, half an hour forward
        "2030-04-07T03:03:03.003+00:00",  # Lord Howe, half an hour back
        "2030-07-15T00:00:00.000+00:00",
    )
]
MODELS = [("openai", "gpt-4.1"), ("openai", "o4-mini"), ("groq", "llama-3"), ("custom:mine", "gpt-4.1")]
ENDS = sorted(set(Outcome) - {Outcome.RUNNING})
AGES = (5 * MINUTE, HOUR, 5 * HOUR, DAY, 8 * DAY, 40 * DAY, 120 * DAY)


@dataclass(repr=False)
class Step:
    """Calls as they are saved, then who adds up how they are now (a copy of the app each)."""

    saved: list[Call] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Step({[_short(call) for call in self.saved]}, copies={self.copies})"


@dataclass(frozen=True, repr=False)
class Question:
    """What is asked of `Health.overview`."""

    span: Span
    by: By
    filter: Filter
    compare: bool

    def __repr__(self) -> str:
        edges = f"{self.span.since}..{self.span.until} in {len(self.span.starts)}"
        return f"Question({edges}, {self.by}, {self.filter}, compare={self.compare})"


@dataclass
class World:
    """A history in steps, and what is asked after each of them."""

    now: int
    steps: list[Step]
    questions: list[Question]
    keep_calls_days: int | None


def _short(call: Call) -> str:
    """What a failed example has to say of a call."""
    kind = "superseded " if call.superseded else ""
    return (
        f"{call.id} {call.provider}/{call.model} {call.source} {kind}{call.outcome} at {call.started_at}:"
        f" {call.latency_ms} {call.ttft_ms} ms, {call.prompt_tokens} {call.completion_tokens} {call.cost_usd}"
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to twenty requests, their attempts saved in up to three steps, some corrected in a later one."""
    now = draw(st.sampled_from(MOMENTS)) + draw(st.integers(-2 * DAY, 2 * DAY))
    keep = draw(st.sampled_from([None, None, None, 2, 30]))
    steps = [Step(copies=draw(st.lists(st.integers(0, 2), max_size=2))) for _ in range(draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(0, 20))):
        _add_request(draw, number, now, steps, kept_from=0 if keep is None else (now // DAY - keep) * DAY)
    questions = draw(st.lists(_questions(now), min_size=1, max_size=4))
    return World(now, steps, questions, keep)


def _add_request(draw: st.DrawFn, number: int, now: int, steps: list[Step], kept_from: int) -> None:
    """A request with its attempts: each but the last is superseded, and often was saved before that was known.

    Not where its row may be gone by then: rows stay for a month at least, and a request takes minutes.
    """
    most = draw(st.sampled_from(AGES))
    begun = now - draw(st.integers(0, most) | st.sampled_from([most // MINUTE * MINUTE]) | st.just(now % (15 * MINUTE)))
    attempts = draw(st.sampled_from([1, 1, 1, 2, 3]))
    at = draw(st.integers(0, len(steps) - 1))
    for attempt in range(attempts):
        call = _call(draw, f"{number:x}", attempt, begun)
        begun = min(begun + draw(st.integers(0, 20 * MINUTE)), now)
        if attempt == attempts - 1:
            if draw(st.booleans()):
                steps[at].saved.append(replace(call, outcome=Outcome.RUNNING, cost_usd=None, latency_ms=None))
            if draw(st.integers(0, 9)):
                steps[at].saved.append(call)
            continue
        superseded = replace(call, superseded=True)
        later = draw(st.none() | st.integers(at, len(steps) - 1)) if call.started_at >= kept_from else None
        if later is None:
            steps[at].saved.append(superseded)
            continue
        steps[at].saved.append(call)
        steps[later].saved.append(superseded)
        if draw(st.booleans()):
            steps[later].saved.append(superseded)  # writing is idempotent


def _call(draw: st.DrawFn, request: str, attempt: int, begun: int) -> Call:
    provider, model = draw(st.sampled_from(MODELS))
    latency = draw(st.none() | st.floats(0, 60_000) | st.sampled_from([0.0, 10.0, 2e6]))
    first = None if latency is None else draw(st.none() | st.floats(0, latency))
    kind = draw(st.sampled_from(CostKind))
    outcome = draw(st.sampled_from([Outcome.OK, *sorted(SUCCESSES), *sorted(FAILURES), *ENDS]))
    cost = 0.0 if kind is CostKind.FREE else draw(st.floats(0, 2)) if kind is not CostKind.UNKNOWN else None
    return Call(
        id=f"{request}-{attempt}",
        request_id=request,
        attempt=attempt,
        source=draw(st.sampled_from([Source.CHAT, Source.API, Source.API, Source.COMPARE, Source.DRILL])),
        conversation_id=draw(st.sampled_from([None, "c1", "c2"])),
        lane_id=None,
        provider=provider,
        model=model,
        model_served=None,
        strategy=None,
        fallback_from=None,
        started_at=begun,
        latency_ms=latency,
        ttft_ms=first,
        prompt_tokens=draw(st.none() | st.integers(0, 100_000)),
        completion_tokens=draw(st.none() | st.integers(0, 10_000)),
        thinking_tokens=draw(st.none() | st.integers(0, 100)),
        cost_usd=cost,
        cost_kind=kind,
        outcome=outcome,
        http_status=draw(st.sampled_from([None, 200, 429, 500])),
    )


@st.composite
def _questions(draw: st.DrawFn, now: int) -> Question:
    span = draw(spans(now))
    return Question(span, draw(st.sampled_from(["provider", "model"])), draw(_filters()), draw(st.booleans()))


@st.composite
def spans(draw: st.DrawFn, now: int) -> Span:
    """One of the ranges up to now, or any other time, by any clock."""
    zone: tzinfo = draw(st.sampled_from(ZONES))
    if draw(st.booleans()):
        return Span.ending(now, draw(st.sampled_from(Range)), zone)
    since = now - draw(st.sampled_from(AGES)) - draw(st.integers(0, DAY))
    return Span.between(since, since + draw(st.sampled_from(AGES)) + draw(st.integers(0, HOUR)), zone)


def _filters() -> st.SearchStrategy[Filter]:
    some = st.sampled_from([(), (), ("openai",), ("openai", "groq"), ("nobody",)])
    return st.builds(
        Filter,
        providers=some,
        models=st.sampled_from([(), (), (), ("gpt-4.1",), ("o4-mini", "llama-3")]),
        sources=st.sampled_from([(), (), (), ("api",), ("chat", "compare")]),
        outcomes=st.sampled_from([(), (), (), (), tuple(sorted(FAILURES)), (Outcome.OK, Outcome.CANCELLED)]),
        conversation=st.sampled_from([None, None, None, None, "c1"]),
        drill=st.sampled_from([False, False, False, True]),
    )


def play(world: World, step: Step, store: Store, engine: Engine, known: dict[str, Call]) -> None:
    """Saves a step's calls and adds up; `known` is kept at how each call is."""
    for saved in [store.save_call(call) for call in step.saved]:
        saved.result()
    known.update((call.id, call) for call in step.saved)
    for copy in step.copies:
        adding = Rollups(engine, lambda copy=copy: copy, Keep(calls=world.keep_calls_days), lambda: world.now)  # type: ignore[misc]  # a default
        adding.add_up()


def clear(engine: Engine) -> None:
    """Takes out every call and rollup, for the next example."""
    with engine.begin() as connection:
        for table in (calls_table, rollups, rollup_batches, series, pruned):
            connection.execute(delete(table))
