"""Budgets: what is reserved, refused and settled, over days, months, restarts and a disk that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from conductor_core.budgets import Budgets, highest_cost
from conductor_core.conductor import Conductor
from conductor_core.errors import ProviderError, SettingsError
from conductor_core.kinds import CostKind, IncidentKind, LaneState, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.prompt import Prompt
from conductor_core.settings import Settings
from conductor_core.store.database import Store
from conductor_core.store.sqlite import SQLite
from conductor_core.turns import LaneSetup
from tests.clock import NOON, Clock
from tests.installation import environment_for, installation
from tests.store.rows import finished, running, until
from tests.tight_budget import REQUEST, ROOM_FOR_TEN, asked, killed_with_ten_out
from tests.upstream import Upstream


@pytest.fixture
def store(file_store: Store) -> Store:
    return file_store


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


def budgets(store: Store, clock: Clock | None = None, zone: tzinfo = UTC, **limits: object) -> Budgets:
    """Budgets with these settings, on a clock of the test's."""
    return Budgets(Settings.model_validate(limits), store, str.title, clock=clock or Clock(), zone=zone)


def refusal(made: Budgets, provider: str, usd: float | None) -> str:
    with pytest.raises(ProviderError) as refused:
        made.reserve(provider, usd)
    assert (refused.value.kind, refused.value.provider) == (Outcome.BUDGET, provider)
    assert made.refusal(provider, usd) == str(refused.value)
    assert not made.admits(provider, usd)
    return str(refused.value)


def test_a_budget_that_is_used_up_says_so(store: Store) -> None:
    """Which one, what is spent, when it starts anew, and what to do."""
    made = budgets(store, budget_day=5)
    made.reserve("openai", 4.99).settle(5.02)
    assert refusal(made, "openai", 0.01) == (
        "Today's budget of $5.00 is used up ($5.02). It starts anew at 00:00. "
        "Raise CONDUCTOR_BUDGET_DAY in Settings, or use a free provider."
    )


def test_a_call_that_may_cost_more_than_is_left_is_refused(store: Store) -> None:
    """What running calls have reserved is gone until they are settled; the sentence tells it from what is spent."""
    made = budgets(store, budget_month=5)
    made.reserve("gemini", 1.0).settle(0.5)
    held = made.reserve("openai", 4.25)
    assert refusal(made, "openai", 0.5) == (
        "This month's budget of $5.00 has no room for this call: $0.50 is spent, $4.25 held by running calls, and it "
        "may cost $0.50. It starts anew on 1 December. "
        "Raise CONDUCTOR_BUDGET_MONTH in Settings, or use a free provider."
    )
    assert made.left("openai") == pytest.approx(0.25)
    held.settle(0.25)
    made.reserve("openai", 4.25)


def test_a_provider_has_budgets_of_its_own(store: Store) -> None:
    """They stop that provider only; an endpoint of the user's own is named with underscores."""
    made = budgets(store, budgets={"openai": {"day": 1}, "custom_my_box": {"month": 0}})
    made.reserve("openai", 1.0).settle(1.0)
    assert refusal(made, "openai", 0.1) == (
        "Today's budget for Openai of $1.00 is used up ($1.00). It starts anew at 00:00. "
        "Raise CONDUCTOR_BUDGETS__OPENAI__DAY in Settings, or use another provider."
    )
    assert "CONDUCTOR_BUDGETS__CUSTOM_MY_BOX__MONTH" in refusal(made, "custom:my-box", 0.1)
    made.reserve("gemini", 100.0)


def test_the_first_budget_without_room_decides_and_nothing_is_taken(store: Store) -> None:
    """A refused call leaves every budget as it was."""
    made = budgets(store, budget_day=10, budgets={"openai": {"day": 1}})
    refusal(made, "openai", 2.0)
    assert [(line.spent, line.held) for line in made.standing()] == [(0.0, 0.0), (0.0, 0.0)]


def test_an_unknown_price_is_refused_where_a_budget_applies(store: Store) -> None:
    """No budget can hold it; without a budget it goes out."""
    made = budgets(store, budgets={"openai": {"day": 1}})
    assert refusal(made, "openai", None) == (
        "The price of Openai's model is unknown, and today's budget for Openai needs one. "
        "Use another model or provider, or take CONDUCTOR_BUDGETS__OPENAI__DAY back in Settings."
    )
    made.reserve("vllm", None).settle(None)


def test_free_calls_always_go_out(store: Store) -> None:
    """Also when nothing is left, and when nothing may be spent at all."""
    made = budgets(store, budget_day=0)
    refusal(made, "openai", 0.000001)
    assert not made.reserve("ollama", 0.0).binding


def test_drills_cost_nothing_real(store: Store) -> None:
    """Simulated calls pass, whatever they seem to cost, and count nowhere."""
    made = budgets(store, budget_day=1)
    made.reserve("drill_swift", 500.0).settle(500.0)
    made.reserve("drill_cuts", None).settle(None)
    assert made.standing()[0].spent == 0.0
    assert not made.applies("drill_swift")


def test_little_left_is_told_before_it_is_gone(store: Store) -> None:
    """From four fifths on there is a warning."""
    made = budgets(store, budget_day=5)
    made.reserve("openai", 3.99).settle(3.99)
    assert made.standing()[0].warning == ""
    made.reserve("openai", 0.22)
    assert made.standing()[0].warning == "Today's budget of $5.00 is 84 % used."
    made.reserve("openai", 0.5).settle(1.01)
    assert made.standing()[0].warning == "Today's budget of $5.00 is used up."


def test_changed_limits_hold_from_the_next_call_on(store: Store) -> None:
    """What was spent before a budget was set counts."""
    made = budgets(store)
    made.reserve("openai", 2.0).settle(2.0)
    assert made.standing() == []
    made.apply(Settings(budget_day=2.0))
    refusal(made, "openai", 0.5)
    made.apply(Settings(budget_day=3.0))
    made.reserve("openai", 0.5)


def test_a_day_ends_at_midnight_and_a_call_belongs_to_the_one_it_began_in(store: Store) -> None:
    """A call that is settled after midnight is charged to the day before; the month keeps it."""
    clock = Clock(NOON + 43_199)
    made = budgets(store, clock, budget_day=1, budget_month=5)
    late = made.reserve("openai", 1.0)
    clock.now += 2
    made.reserve("openai", 1.0)
    late.settle(0.75)
    day, month = made.standing()
    assert (day.spent, day.held) == (0.0, 1.0)
    assert (month.spent, month.held) == (0.75, 1.0)


def test_a_clock_set_back_finds_the_day_before_as_it_was(store: Store) -> None:
    """Nothing is forgotten by turning the clock."""
    clock = Clock()
    made = budgets(store, clock, budget_day=1)
    made.reserve("openai", 1.0).settle(1.0)
    clock.now += 86_400
    made.reserve("openai", 1.0)
    clock.now -= 86_400
    refusal(made, "openai", 0.1)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "ends"),
    [
        ("Europe/Zurich", date(2025, 3, 30), 23, "00:00"),
        ("Europe/Zurich", date(2025, 10, 26), 25, "00:00"),
        ("Asia/Kolkata", date(2025, 10, 26), 24, "00:00"),
        ("Africa/Cairo", date(2025, 4, 25), 23, "00:00"),  # begins at one: midnight is skipped
        ("Africa/Cairo", date(2025, 4, 24), 24, "01:00"),
        ("America/Havana", date(2025, 11, 2), 25, "00:00"),  # midnight comes twice
        ("America/Havana", date(2025, 11, 1), 24, "00:00"),
    ],
)
def test_days_follow_the_clock_on_the_wall(store: Store, zone: str, day: date, hours: int, ends: str) -> None:
    """Days of 23 and 25 hours, a midnight that does not exist, a midnight that comes twice."""
    place = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=place).timestamp()
    clock = Clock(noon)
    made = budgets(store, clock, place, budget_day=0)
    end = made.standing()[0].ends_at / 1000
    assert f"starts anew at {ends}" in refusal(made, "openai", 1.0)
    clock.now = end - hours * 3600
    assert made.standing()[0].ends_at / 1000 == end
    clock.now -= 1
    assert made.standing()[0].ends_at / 1000 == end - hours * 3600


def test_a_restart_knows_what_was_spent(tmp_path: Path) -> None:
    """Rows of today and of this month count, those that ran when the process died with what they had reserved."""
    first = Store.open(tmp_path)
    now = int(NOON * 1000)
    yesterday = now - 86_400_000
    first.save_call(finished(provider="openai", cost_usd=0.5, started_at=now))
    first.save_call(finished(provider="gemini", cost_usd=0.25, started_at=yesterday))
    first.save_call(finished(provider="gemini", cost_usd=8.0, started_at=now - 31 * 86_400_000))
    first.save_call(running(provider="openai", cost_usd=0.125, cost_kind=CostKind.ESTIMATED, started_at=now)).result(5)
    first.close()
    second = Store.open(tmp_path)
    made = budgets(second, Clock(NOON + 60), budget_day=1, budget_month=1, budgets={"gemini": {"month": 1}})
    assert [line.spent for line in made.standing()] == [0.625, 0.875, 0.25]
    second.close()


def test_what_can_not_be_read_is_not_spent(tmp_path: Path) -> None:
    """Without the sum of the earlier calls nothing priced goes out; free calls do."""
    store = Store.open(tmp_path)
    made = budgets(store, budget_day=5)
    until(lambda: store.writer._chore.due is None)  # it has looked at the calls for the first time, and found none
    with closing(sqlite3.connect(tmp_path / "conductor.db")) as other:
        other.execute("DROP TABLE calls")
    assert refusal(made, "openai", 0.01) == (
        "Today's budget can't be kept: The database can't be read; check the disk, then restart Conductor. "
        "Until then only free providers are asked."
    )
    made.reserve("ollama", 0.0)
    store.close()


def test_what_can_not_be_written_is_not_spent(store: Store) -> None:
    """While rows wait for a full disk nothing priced goes out."""
    made = budgets(store, budget_day=5)
    assert isinstance(store._backend, SQLite)
    connection = store._backend._connection
    [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    for _ in range(200):
        store.save_call(finished())
    until(lambda: store.writer.trouble)
    assert "The disk is full" in refusal(made, "openai", 0.01)
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    until(lambda: not store.writer.trouble)
    made.reserve("openai", 0.01)


async def rows(conductor: Conductor) -> list[Call]:
    await conductor.store.rename("none", "none")
    return conductor.store.recent_calls(1000)


async def test_of_a_hundred_calls_at_once_ten_have_room(tmp_path: Path, upstream: Upstream) -> None:
    """Not one call over the budget leaves, and one later call finds what the ten did not cost after all."""
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGET_DAY=str(ROOM_FOR_TEN)) as conductor:
        reserved = highest_cost(conductor.providers.get("openai"), Prompt.from_request(REQUEST))
        assert reserved
        assert int(ROOM_FOR_TEN / reserved) == 10
        told = await asyncio.gather(*(asked(conductor) for _ in range(100)))
        assert told.count("") == 10
        assert len(upstream.requests) == 10
        assert all("has no room for this call" in sentence for sentence in told if sentence)
        found = await rows(conductor)
        assert len(found) == 10
        assert sum(call.cost_usd or 0 for call in found) < ROOM_FOR_TEN
        assert conductor.gateway.budgets.standing()[0].spent == pytest.approx(sum(call.cost_usd or 0 for call in found))
        assert await asked(conductor) == ""


async def test_however_calls_end_nothing_stays_reserved(tmp_path: Path, upstream: Upstream) -> None:
    """Answered, refused by the provider, cut, stopped, queued out: what is held in the end is nothing."""
    limits = {"CONDUCTOR_PROVIDER_CONCURRENCY": "1", "CONDUCTOR_PROVIDER_QUEUE": "0", "CONDUCTOR_ATTEMPTS": "2"}
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGET_DAY="50", **limits) as conductor:
        budgets = conductor.gateway.budgets
        for upstream.behaviour in ("", "status-500", "cut-3", "words-0", "status-400"):
            await asked(conductor)
        conductor.gateway.breakers.recover_now("openai")
        upstream.behaviour, already = "silent", len(upstream.requests)
        stopped = asyncio.create_task(conductor.chat(REQUEST))
        while len(upstream.requests) == already:
            await asyncio.sleep(0.001)
        assert budgets.standing()[0].held > 0
        assert "Too many calls are waiting" in await asked(conductor)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        line = budgets.standing()[0]
        assert line.held == 0.0
        assert line.spent == pytest.approx(sum(call.cost_usd or 0 for call in await rows(conductor)))


async def test_a_kill_gives_nothing_back(tmp_path: Path, upstream: Upstream) -> None:
    """Ten calls are out when the process is killed; after the restart they count with all they may have cost."""
    upstream.behaviour = "silent"
    await killed_with_ten_out(tmp_path, upstream, 90, CONDUCTOR_BUDGET_DAY=str(ROOM_FOR_TEN))
    upstream.behaviour = ""
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGET_DAY=str(ROOM_FOR_TEN)) as conductor:
        told = await asyncio.gather(*(asked(conductor) for _ in range(100)))
        found = await rows(conductor)
    assert "" not in told
    assert len(upstream.requests) == 10
    assert {(call.outcome, call.cost_kind) for call in found} == {(Outcome.INTERRUPTED, CostKind.ESTIMATED)}


async def test_nothing_leaves_before_its_row_is_kept(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the database held by another program a call under a budget is not sent; without a budget it is."""
    monkeypatch.setattr("conductor_core.routing.request.SAVE_SECONDS", 0.1)
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGETS__OPENAI__DAY="5") as conductor:
        with closing(sqlite3.connect(tmp_path / "conductor.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert (
                await asked(conductor) == "Nothing was sent, because its cost could not be noted. The database is busy."
            )
            assert upstream.requests == []
            free = asyncio.create_task(asked(conductor, request=REQUEST.model_copy(update={"provider": "anthropic"})))
            while not upstream.requests:
                await asyncio.sleep(0.01)
            other.execute("ROLLBACK")
        assert await free == ""
        assert conductor.gateway.budgets.standing()[0].held == 0.0


async def test_lanes_beyond_the_budget_say_why(tmp_path: Path, upstream: Upstream) -> None:
    """Of three lanes of a comparison the budget has room for one; the others fail with its sentence, unsent."""
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGET_DAY="0.003") as conductor:
        setups = [LaneSetup(provider="openai") for _ in range(3)]
        turn = await conductor.conversations.start_turn("Hello", setups, kind="compare")
        await turn.wait()
        answers = turn.exchange().answers
        assert [answer.state for answer in answers] == [LaneState.DONE, LaneState.FAILED, LaneState.FAILED]
        assert answers[1].failure
        assert answers[1].failure.kind is Outcome.BUDGET
        assert answers[1].failure.sentence.startswith("Today's budget of $0.003 has no room")
        assert len(upstream.requests) == 1


def auto_with_a_free_provider(upstream: Upstream, **variables: str) -> dict[str, str]:
    return {"OLLAMA_BASE_URL": f"{upstream.url}/v1", "CONDUCTOR_DEFAULT_MODELS__OLLAMA": "llama", **variables}


@pytest.mark.parametrize(("beyond", "answered"), [("free", True), ("refuse", False)])
async def test_beyond_the_budget_auto_does_as_the_user_chose(
    tmp_path: Path, upstream: Upstream, beyond: str, answered: bool
) -> None:
    """It goes on with free providers only, or refuses; who names a free provider is always served."""
    variables = auto_with_a_free_provider(upstream, CONDUCTOR_BUDGET_DAY="0.0001", CONDUCTOR_BUDGET_BEYOND=beyond)
    async with installation(tmp_path, upstream, **variables) as conductor:
        conductor.gateway.router.apply("openai,anthropic,ollama")
        told = await asked(conductor, request=REQUEST.model_copy(update={"provider": "auto"}))
        assert (told == "") is answered
        assert answered or "Today's budget of $0.0001 has no room for this call" in told
        assert await asked(conductor, request=REQUEST.model_copy(update={"provider": "ollama"})) == ""
        assert {call.provider for call in await rows(conductor)} == {"ollama"}


async def test_auto_passes_over_whom_there_is_no_money_for(tmp_path: Path, upstream: Upstream) -> None:
    """A provider whose own budget is used up is left out, with the reason in the receipt; the stop is an incident."""
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGETS__OPENAI__DAY="0") as conductor:
        conductor.gateway.router.apply("openai,anthropic")
        turn = await conductor.conversations.start_turn("Hello", [LaneSetup()])
        await turn.wait()
        receipt = turn.lanes[0].answer().receipt
        assert receipt
        assert receipt["answered_by"] == "anthropic"
        reasons = {other["provider"]: other["reason"] for other in receipt["passed_over"]}
        assert reasons["openai"].startswith("Today's budget for OpenAI of $0.00 is used up")
        await conductor.store.rename("none", "none")
        [incident] = conductor.store.incidents(0, 10**15)
        assert (incident.kind, incident.provider) == (IncidentKind.BUDGET, "openai")


async def test_auto_with_no_money_at_all_says_so_in_one_sentence(tmp_path: Path, upstream: Upstream) -> None:
    """Not once per provider."""
    async with installation(
        tmp_path, upstream, CONDUCTOR_BUDGET_DAY="0", CONDUCTOR_AUTO_PROVIDERS="openai,anthropic"
    ) as conductor:
        told = await asked(conductor, request=REQUEST.model_copy(update={"provider": "auto"}))
        assert told
        assert told.count("Today's budget of $0.00 is used up") == 1
        assert "OpenAI, Anthropic: " in told
        assert upstream.requests == []


async def test_a_fallback_costs_what_is_left(tmp_path: Path, upstream: Upstream) -> None:
    """When the first provider fails, one there is no money for is not asked in its place."""
    upstream.behaviour = "status-401"
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGETS__ANTHROPIC__DAY="0.0001") as conductor:
        conductor.gateway.router.apply("openai,anthropic", frozenset({"openai", "anthropic"}))
        assert await asked(conductor, request=REQUEST.model_copy(update={"provider": "auto"}))
        assert [received.path for received in upstream.requests] == ["/v1/chat/completions"]


async def test_a_budget_for_nobody_is_refused(tmp_path: Path) -> None:
    """A typing error in a provider's name must not leave it without a limit."""
    with pytest.raises(SettingsError) as refused:
        await Conductor.open(environment_for(tmp_path, None, CONDUCTOR_BUDGETS__OPENIA__DAY="5"))
    assert "CONDUCTOR_BUDGETS__OPENIA__DAY" in str(refused.value)
    assert "OPENAI" in str(refused.value)


async def test_calls_of_a_drill_spend_no_budget(tmp_path: Path) -> None:
    """During a drill AUTO answers with nothing to spend."""
    async with installation(tmp_path, None, CONDUCTOR_DRILL="1", CONDUCTOR_BUDGET_DAY="0") as conductor:
        assert await asked(conductor, request=REQUEST.model_copy(update={"provider": "drill_steady"})) == ""
        [call] = await rows(conductor)
        assert call.source is Source.DRILL
        assert conductor.gateway.budgets.standing()[0].spent == 0.0
