"""plotly.js from our own address: packed once, and not sent again to who has it."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from dashboard import plotly_file


@pytest.fixture
async def client() -> httpx.AsyncClient:
    """A client of the route alone."""
    app = Starlette(routes=[plotly_file.route])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501")


async def test_it_is_packed_and_tagged(client: httpx.AsyncClient) -> None:
    """About a third of its size, and a script by its type."""
    found = await client.get(plotly_file.PATH)
    assert found.headers["content-encoding"] == "gzip"
    assert found.headers["content-type"].startswith("text/javascript")
    assert int(found.headers["content-length"]) < 1_700_000
    assert b"plotly.js" in found.content[:200]


async def test_who_has_it_is_told_so(client: httpx.AsyncClient) -> None:
    """By its tag, without a byte of it."""
    tag = (await client.get(plotly_file.PATH)).headers["etag"]
    again = await client.get(plotly_file.PATH, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_without_gzip_it_comes_as_it_is(client: httpx.AsyncClient) -> None:
    """The same script."""
    plain = await client.get(plotly_file.PATH, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == (await client.get(plotly_file.PATH)).content
