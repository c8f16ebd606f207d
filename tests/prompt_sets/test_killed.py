"""kill -9 in the middle of a run, a restart, a resumption: no cell is lost, and none is billed twice without a word."""

from __future__ import annotations

import asyncio
from pathlib import Path

from conductor_core.kinds import CellState, RunState
from conductor_core.secret import Secret
from tests.installation import KEY
from tests.killable import Killable
from tests.prompt_sets.running import asked
from tests.upstream import Upstream

LANES = ("lane-one", "lane-two", "lane-three", "lane-four")
PROMPTS = 10
"""200 in `make test-long`."""
AT_ONCE = 6


async def test_a_killed_run_comes_to_its_end(tmp_path: Path, scale: int, database_url: Secret | None) -> None:
    """Prompts × 4 lanes through two kills: each cell has its answer; one that was asked twice says so."""
    prompts = PROMPTS * scale
    cells = prompts * len(LANES)
    async with Upstream() as upstream:
        upstream.behaviour = "words-4 gap-4"
        variables = {"CONDUCTOR_HOME": str(tmp_path), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream.url}/v1"}
        variables |= {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}

        process = Killable(variables)
        run_id = await asyncio.to_thread(process.ask, "begin_set", prompts, LANES, AT_ONCE)
        # The first kill comes while all that run at once wait for an answer, the second wherever it falls.
        for share, least in ((0.25, AT_ONCE), (0.6, 0)):
            ended = await asyncio.to_thread(process.ask, "set_ended", run_id, int(cells * share))
            assert ended < cells, "it was over before the kill"
            if least:
                upstream.behaviour = "silent"
                while sum(not one.answered.is_set() for one in upstream.requests) < least:
                    await asyncio.sleep(0.005)
            process.kill()
            upstream.behaviour = "words-4 gap-4"
            process = Killable(variables)
            stood, cut_off = await asyncio.to_thread(process.ask, "resume_set", run_id)
            assert stood == RunState.INTERRUPTED
            assert least <= cut_off <= AT_ONCE
        assert await asyncio.to_thread(process.ask, "set_ended", run_id, cells) == cells
        state, again, told = await asyncio.to_thread(process.ask, "set_cells", run_id)
        await asyncio.to_thread(process.close)

        requests = asked(upstream)
    assert state in (RunState.DONE, RunState.RUNNING)  # the last cell is committed before the run's end is
    assert [cell[:2] for cell in told] == [(number, lane) for number in range(prompts) for lane in range(len(LANES))]
    assert {(state, answer) for _, _, state, _, answer in told} == {(CellState.DONE, "Grüße aus Köln 👋 ")}
    twice = {(number, lane): interruptions for number, lane, _, interruptions, _ in told if interruptions}
    assert again == len(twice)
    for number in range(prompts):
        for lane, model in enumerate(LANES):
            times = requests[model, f"Prompt {number}"]
            assert 1 <= times <= 1 + twice.get((number, lane), 0)
