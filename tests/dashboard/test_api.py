"""The API beside the dashboard, behind one guard: no login there, a key instead; never a page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.bad_input import NOWHERE
from tests.api.door import TOKEN
from tests.serving import Served, free_port, serving, streamlit_run

KEY = {"authorization": f"Bearer {TOKEN}"}
HELLO = {"provider": "drill_swift", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With a password, simulated providers, and one site that may call the API."""
    port, home = free_port(), tmp_path_factory.mktemp("beside") / "home"
    variables = {
        "CONDUCTOR_PASSWORD": "open sesame, please",
        "CONDUCTOR_API_KEY": TOKEN,
        "CONDUCTOR_DRILL": "1",
        "CONDUCTOR_CORS_ORIGINS": "https://app.example",
    }
    with serving(streamlit_run(port), port, home, **variables) as served:
        yield served


def test_a_key_and_no_login(locked: Served) -> None:
    """The API answers whoever has a key, and the pages nobody without a session, key or not."""
    answer = httpx.post(f"{locked.url}/api/chat", json=HELLO, headers=KEY, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert httpx.get(f"{locked.url}/metrics", headers=KEY).status_code == 200
    assert httpx.get(f"{locked.url}/api/status").json()["error"] == "invalid_api_key"
    for path in ("/", "/download/calls.csv", "/apiary", "/v10", "/metrics-of-mine"):
        assert httpx.get(f"{locked.url}{path}", headers=KEY).status_code == 401


@pytest.mark.parametrize("path", NOWHERE)
def test_nothing_is_never_a_page(locked: Served, path: str) -> None:
    """B39: whatever looks like the API's address and is none, with a browser's Accept header too."""
    with httpx.Client() as client:
        request = client.build_request("GET", locked.url, headers={"accept": "text/html"})
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = client.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def test_the_guard_speaks_json_there(locked: Served) -> None:
    """Another host's name, and another site's page."""
    rebound = httpx.get(f"{locked.url}/api/status", headers={**KEY, "host": "evil.example"})
    assert (rebound.status_code, rebound.json()["error"]) == (400, "refused")
    foreign = httpx.post(
        f"{locked.url}/v1/chat/completions", json={}, headers={**KEY, "origin": "https://evil.example"}
    )
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "refused")


def test_a_listed_site_comes_to_the_api_and_nowhere_else(locked: Served) -> None:
    """CORS is the API's; the pages stay closed to every other site."""
    site = {"origin": "https://app.example"}
    answer = httpx.post(f"{locked.url}/api/chat", json=HELLO, headers={**KEY, **site}, timeout=30)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
    assert httpx.post(f"{locked.url}/login", data={"password": "x"}, headers=site).status_code == 403


def test_a_conversation_is_a_page_here(locked: Served) -> None:
    """The dashboard makes HTML of it; of one that is not there, nothing."""
    answer = httpx.get(f"{locked.url}/api/conversations/{'0' * 32}/export?format=html", headers=KEY)
    assert answer.status_code == 404
