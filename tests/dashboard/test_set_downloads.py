"""The results of a run as a download: whole, named after its set, and nothing else."""

from __future__ import annotations

import json

import httpx
from starlette.applications import Starlette

from conductor_core.kinds import CheckKind
from dashboard import runtime, set_downloads
from tests.dashboard.app_pages.pages import Install
from tests.prompt_sets.running import rows, setup
from tests.upstream import Upstream


async def test_results_are_downloaded(install: Install, upstream: Upstream) -> None:
    """By addresses of their own; what is not there is refused."""
    sets = install(upstream).prompt_sets
    run_id = runtime.run(sets.begin(setup("m", "n"), name="Quiz 1.csv", rows=rows(3, "köln", CheckKind.CONTAINS)))
    runtime.run(sets.wait(run_id))
    app = Starlette(routes=[set_downloads.route])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501") as client:
        found = await client.get(set_downloads.address("jsonl", run_id))
        assert found.headers["content-disposition"] == 'attachment; filename="quiz-1.jsonl"'
        assert found.headers["cache-control"] == "no-store"
        # An answer may hold U+2028, at which `splitlines` would break a line of JSON.
        told = [json.loads(line) for line in found.text.split("\n") if line]
        assert [(one["number"], one["lane"], one["result"]) for one in told] == [
            (number, lane, "pass") for number in (1, 2, 3) for lane in (1, 2)
        ]
        assert (await client.get(set_downloads.address("csv", run_id))).text.startswith("number,line,prompt,")
        assert (await client.get(set_downloads.address("exe", run_id))).status_code == 404
        assert (await client.get(set_downloads.address("csv", "0" * 32))).status_code == 404
