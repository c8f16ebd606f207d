"""Calls as a download: what was asked for and nothing else, in blocks."""

from __future__ import annotations

import csv
import json
from io import StringIO

import httpx
import pytest
from starlette.applications import Starlette

from conductor_core.keys.key import Scope, Wish
from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Span
from dashboard import call_downloads, runtime
from tests.dashboard.app_pages.pages import Install
from tests.store.rows import finished, fresh_id

SPAN = Span((1_000, 2_000))


@pytest.fixture
def client(install: Install) -> httpx.AsyncClient:
    """A client of an installation with three calls in the span, one of them a drill's, and one after it."""
    conductor = install()
    for told in (
        {"started_at": 1_000},
        {"started_at": 1_500, "outcome": Outcome.TIMEOUT, "error": "=1+1"},
        {"started_at": 1_600, "source": Source.DRILL},
        {"started_at": 2_000},
    ):
        conductor.store.save_call(finished(None, **{"id": fresh_id(), **told})).result(5)
    app = Starlette(routes=[call_downloads.route])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501")


async def test_the_newest_come_first_as_csv(client: httpx.AsyncClient) -> None:
    """A file by its headers, kept by no cache; formulas are disarmed."""
    found = await client.get(call_downloads.address("csv", SPAN, Filter()))
    assert found.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    assert found.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(StringIO(found.text)))
    assert [row["error"] for row in rows] == ["'=1+1", ""]


async def test_the_filter_holds_for_the_file(client: httpx.AsyncClient) -> None:
    """As JSON lines, where nothing computes and texts stay as they were."""
    found = await client.get(call_downloads.address("jsonl", SPAN, Filter(outcomes=(Outcome.TIMEOUT,))))
    assert [json.loads(line)["error"] for line in found.text.splitlines()] == ["=1+1"]


async def test_a_key_is_named(install: Install) -> None:
    """Also one that was revoked since."""
    conductor = install()
    key, _ = runtime.run(conductor.keys.create(Wish("my-program", (Scope.CHAT,))))
    runtime.run(conductor.keys.revoke(key.id))
    conductor.store.save_call(finished(started_at=1_500, source=Source.API, api_key_id=key.id)).result(5)
    app = Starlette(routes=[call_downloads.route])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501")
    found = await client.get(call_downloads.address("jsonl", SPAN, Filter(sources=("api",))))
    assert [json.loads(line)["api_key"] for line in found.text.splitlines()] == ["my-program"]


@pytest.mark.parametrize(
    "path",
    [
        "/download/calls.csv",
        "/download/calls.csv?since=2&until=1",
        "/download/calls.csv?since=a&until=1",
        "/download/calls.csv?since=1&until=2&outcome=nonsense",
        "/download/calls.exe?since=1&until=2",
    ],
)
async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient, path: str) -> None:
    """With a sentence, not a fault."""
    found = await client.get(path)
    assert (found.status_code, found.text) == (400, "These are no calls that can be downloaded.")
