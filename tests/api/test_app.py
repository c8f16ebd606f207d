"""The application as a whole: what it loads, and which sites' pages may call it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from conductor_core.api.app import _ANSWER_HEADERS
from conductor_core.errors import SettingsError
from conductor_core.settings import Settings
from tests.api.door import HELLO, TOKEN, Open, opened
from tests.installation import environment_for
from tests.test_imports import loaded

SITE = "https://app.example"
HEAVY = (
    "streamlit",
    "pandas",
    "plotly",
    "numpy",
    "scipy",
    "openai",
    "anthropic",
    "google.generativeai",
    "google.genai",
    "xllamacpp",
    "alembic",
    "genai_prices",
    "fastapi_offline",
)


def test_the_api_loads_nothing_of_the_dashboard() -> None:
    """Neither Streamlit nor what draws, neither numpy nor a vendor's SDK."""
    assert loaded("import conductor_core.api; conductor_core.api.build_app()", HEAVY) == []


def preflight(origin: str, method: str = "POST", headers: str = "authorization,content-type") -> dict[str, str]:
    """What a browser asks before it sends."""
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }


def allowed(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if name.startswith("access-control-")]


async def test_no_site_may_call_unless_it_is_listed(door: Open) -> None:
    """S12: CORS is off: no answer carries a header of it."""
    for answer in (
        await door.stranger.options("/api/chat", headers=preflight(SITE)),
        await door.client.post("/api/chat", json=HELLO, headers={"origin": SITE}),
        await door.client.get("/api/status", headers={"origin": "null"}),
    ):
        assert allowed(answer) == []


async def test_a_listed_site_may(tmp_path: Path) -> None:
    """Exactly it, without cookies, and its pages can read our headers; a neighbour is not it."""
    async with opened(tmp_path, CONDUCTOR_CORS_ORIGINS=f"{SITE}, http://localhost:3000") as door:
        asked = await door.stranger.options("/api/chat", headers=preflight(SITE))
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == SITE
        assert "access-control-allow-credentials" not in asked.headers
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        answer = await door.client.post("/api/chat", json=HELLO, headers={"origin": SITE})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SITE)
        shown = {name.strip() for name in answer.headers["access-control-expose-headers"].lower().split(",")}
        ours = {name for name in answer.headers if name.startswith(("x-conductor-", "x-ratelimit-", "x-request-id"))}
        assert ours <= shown == set(_ANSWER_HEADERS)
        keyless = await door.stranger.get("/api/status", headers={"origin": SITE})
        assert (keyless.status_code, keyless.headers["access-control-allow-origin"]) == (401, SITE)
        for neighbour in (f"{SITE}:8443", "http://app.example", "https://app.example.evil.example", f"{SITE}/", "null"):
            assert allowed(await door.stranger.options("/api/chat", headers=preflight(neighbour))) == []
        assert (await door.stranger.options("/api/chat", headers=preflight(SITE, "DELETE"))).status_code == 400


@pytest.mark.parametrize(
    "origins", ["*", "https://*.example", "https://a.example/", "a.example", "https://A.example", "null", "file://"]
)
def test_other_origins_than_exact_ones_are_refused_at_the_start(origins: str, tmp_path: Path) -> None:
    """M7: a sentence that names the variable."""
    with pytest.raises(SettingsError, match="CONDUCTOR_CORS_ORIGINS"):
        Settings.load(environment_for(tmp_path, None, CONDUCTOR_CORS_ORIGINS=f"https://b.example,{origins}"))


async def test_nothing_is_cached(door: Open) -> None:
    """Answers and errors are for whoever asked."""
    for answer in (
        await door.client.get("/api/status"),
        await door.stranger.get("/api/status"),
        await door.stranger.get("/api/nope", headers={"x-api-key": TOKEN}),
    ):
        assert answer.headers["cache-control"] == "no-store"
