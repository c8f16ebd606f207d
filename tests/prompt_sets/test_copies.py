"""Two copies of the app on one PostgreSQL: a run is driven by one of them and can be steered from both."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from conductor_core.errors import InvalidRequest
from conductor_core.kinds import CellState, RunState
from conductor_core.secret import Secret
from tests.installation import installation
from tests.prompt_sets.running import asked, rows, setup
from tests.store.rows import running
from tests.upstream import Upstream


async def test_a_run_is_steered_from_both_and_driven_by_one(tmp_path: Path, postgres_url: Secret) -> None:
    """The other copy sees it, pauses it and goes on with it; of two that resume it at once one does."""
    database = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal()}
    async with (
        Upstream() as upstream,
        installation(tmp_path / "one", upstream, **database) as one,
        installation(tmp_path / "two", upstream, **database) as two,
    ):
        upstream.behaviour = "delay-40"
        run_id = await one.prompt_sets.begin(setup("m", concurrency=2), rows=rows(200))
        while two.prompt_sets.view(run_id).progress.ended < 4:
            await asyncio.sleep(0.01)
        await two.prompt_sets.pause(run_id)
        await one.prompt_sets.wait(run_id)
        assert two.prompt_sets.view(run_id).run.state is RunState.PAUSED
        upstream.behaviour = ""
        both = [copy.prompt_sets.resume(run_id) for copy in (one, two)]
        refused = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(map(type, refused), key=str) == [type(None), InvalidRequest]
        for copy in (one, two):
            await copy.prompt_sets.wait(run_id)
        assert one.prompt_sets.view(run_id).run.state is RunState.DONE
        assert len(asked(upstream)) == 200
        assert set(asked(upstream).values()) == {1}


async def test_a_run_rests_when_another_copy_spends_what_is_left(tmp_path: Path, postgres_url: Secret) -> None:
    """Also when that is found only once the call's row is saved: it is not marked as failed, and waits."""
    limits = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal(), "CONDUCTOR_BUDGET_DAY": "1"}
    async with (
        Upstream() as upstream,
        installation(tmp_path / "one", upstream, **limits) as one,
        installation(tmp_path / "two", upstream, **limits) as two,
    ):
        one.gateway.budgets.close()  # it learns nothing but before it sends
        await two.store.save_call(running(cost_usd=1.0, started_at=time.time_ns() // 1_000_000))
        run_id = await one.prompt_sets.begin(setup("gpt-4.1", concurrency=1), rows=rows(3))
        await one.prompt_sets.wait(run_id)
        view = one.prompt_sets.view(run_id)
        assert view.run.state is RunState.PAUSED
        assert "$1.00 held by running calls" in view.run.reason
        assert view.progress.failed == 0
        assert {cell.state for cell in view.cells} == {CellState.WAITING}
        assert not asked(upstream)
