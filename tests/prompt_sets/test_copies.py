"""Two copies of the app on one PostgreSQL: a run is driven by one of them and can be steered from both."""

from __future__ import annotations

import asyncio
from pathlib import Path

from conductor_core.errors import InvalidRequest
from conductor_core.kinds import RunState
from conductor_core.secret import Secret
from tests.installation import installation
from tests.prompt_sets.running import asked, rows, setup
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
