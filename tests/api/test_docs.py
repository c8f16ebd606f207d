"""The OpenAPI document and its page."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from conductor_core.api import create_app
from conductor_core.api.paths import content_security_policy, is_api
from tests.api.door import Open, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def documented(door: Open) -> dict[str, Any]:
    found: dict[str, Any] = (await door.stranger.get("/api/openapi.json")).json()
    return found


def ours(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of everything under `/api`, and of `/metrics`."""
    return [
        (path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if not path.startswith("/v1")
    ]


async def test_the_document_is_written_once(shared_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is long, and stays the same as long as the process lives."""
    app, made = create_app(shared_door.conductor), []

    def document() -> dict[str, Any]:
        made.append(1)
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(app, "openapi", document)
    async with served(app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answers = [await client.get("/api/openapi.json") for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"openapi": "3.1.0"}] * 2
    assert answers[0].headers["content-type"] == "application/json"
    assert made == [1]


async def test_every_operation_says_what_it_answers(shared_door: Open) -> None:
    """A summary, a description, the security it needs, every error with its shape, the request id."""
    for path, _, operation in ours(await documented(shared_door)):
        assert operation["summary"], path
        assert operation["description"], path
        if path.startswith("/api/health"):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"bearer": []}, {"x-api-key": []}], path
        assert "Scope: `" in operation["description"]
        for status in ("400", "401", "403", "405", "429", "500", "503"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
        assert "x-request-id" in operation["responses"]["200"]["headers"]


async def test_every_model_has_an_example_that_it_takes(shared_door: Open) -> None:
    """Each example fits its own schema."""
    document = await documented(shared_door)
    schemas = document["components"]["schemas"]
    names = {ref for _, _, one in ours(document) for ref in re.findall(r"schemas/(\w+)", str(one))}
    assert names >= {"ChatForm", "ChatResponse", "ErrorResponse", "CallList", "ConversationDetail", "SystemStatus"}
    for name in names:
        examples = schemas[name].get("examples")
        if examples is None:
            assert "enum" in schemas[name], f"{name} has no example"
            continue
        for example in examples:
            Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            ).validate(example)


async def test_the_page_needs_nothing_from_elsewhere(shared_door: Open) -> None:
    """No script stands in it, and every file it names is here."""
    page = await shared_door.stranger.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|https?:", page.text)
    names = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(names) == 3
    for name in names:
        file = await shared_door.stranger.get(name)
        assert file.status_code == 200
        assert file.headers["content-type"].split(";")[0] in {"text/css", "text/javascript"}
    assert (await shared_door.stranger.get("/api/docs/..%2f..%2fsecret")).status_code == 404
    assert (await shared_door.stranger.get("/api/docs/redoc.standalone.js")).status_code == 404


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/api", True),
        ("/api/chat", True),
        ("/v1/models", True),
        ("/metrics", True),
        ("//api/chat", True),
        ("/./v1", True),
        ("/../api", True),
        ("/API/x", True),
        ("/v1;x", True),
        ("/", False),
        ("/health", False),
        ("/apiary", False),
        ("/v10", False),
        ("/metrics-page", False),
        ("/chat/api", False),
        ("/_stcore/metrics", False),
    ],
)
async def test_which_addresses_are_the_apis(path: str, is_ours: bool) -> None:
    """Also those that only look like one; no page of the dashboard is among them."""
    assert is_api(path) is is_ours


async def test_only_the_page_may_run_scripts() -> None:
    """Its own, and none that stand in it; all else may load nothing at all."""
    assert "script-src 'self';" in content_security_policy("/api/docs")
    assert "unsafe-eval" not in content_security_policy("/api/docs")
    assert "script" not in content_security_policy("/api/chat")
    assert "default-src 'none'" in content_security_policy("/api/docsx")
    assert "script" not in content_security_policy("/api/docsx")
