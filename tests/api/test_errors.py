"""One table, three protocols."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from conductor_core.api.errors import HttpError, Problem, Protocol, problem_of, response_of
from conductor_core.errors import (
    InvalidRequest,
    LimitReached,
    NobodyLeft,
    NotConfigured,
    NotFound,
    ProviderError,
    StoreError,
    UnknownProvider,
)
from conductor_core.kinds import FAILURES, NEUTRAL, Outcome

PATHS = {Protocol.API: "/api/chat", Protocol.OPENAI: "/v1/chat/completions", Protocol.ANTHROPIC: "/v1/messages"}


def scope(path: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"path": path, "headers": list(headers)}


@pytest.mark.parametrize(
    ("path", "headers", "protocol"),
    [
        ("/api/chat", [], Protocol.API),
        ("/metrics", [], Protocol.API),
        ("/v1/chat/completions", [], Protocol.OPENAI),
        ("/v1/messages", [], Protocol.ANTHROPIC),
        ("/v1/messages/count_tokens", [], Protocol.ANTHROPIC),
        ("/v1/models", [], Protocol.OPENAI),
        ("/v1/models", [(b"anthropic-version", b"2023-06-01")], Protocol.ANTHROPIC),
        ("/v1/nope", [], Protocol.OPENAI),
    ],
)
def test_who_is_listening(path: str, headers: list[tuple[bytes, bytes]], protocol: Protocol) -> None:
    """By the address; where it is both vendors', by what only Anthropic's clients send."""
    assert Protocol.of(scope(path, *headers)) is protocol


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequest("temperature: too hot", "temperature"), 400, "invalid_request"),
        (UnknownProvider("nobody", ["openai"]), 404, "model_not_found"),
        (NotConfigured("openai", "OpenAI", "OPENAI_API_KEY"), 404, "not_configured"),
        (NobodyLeft([("OpenAI", "Its breaker is open.")]), 503, "no_provider"),
        (NotFound(), 404, "not_found"),
        (StoreError("The disk is full."), 503, "storage_unavailable"),
        (LimitReached("too many", retry_after=3.2, headers={"x-ratelimit-limit-requests": "1"}), 429, "limit_reached"),
        (HTTPException(405, headers={"allow": "POST"}), 405, "method_not_allowed"),
        (RuntimeError("secret"), 500, "internal_error"),
    ],
)
def test_what_was_raised_has_a_status_and_a_code(error: Exception, status: int, code: str) -> None:
    """Every error of our tree that a request can meet; the sentence is its own, but for what nobody foresaw."""
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert ("secret" not in problem.sentence) if status == 500 else problem.sentence


@pytest.mark.parametrize("kind", sorted((FAILURES | NEUTRAL) - {Outcome.RUNNING}))
@pytest.mark.parametrize("status", [None, 422, 500])
def test_every_kind_of_fault_of_a_provider_is_an_answer(kind: Outcome, status: int | None) -> None:
    """Never 401, which means our own key; waiting is advised only with 429 and 503, and where it helps."""
    fault = ProviderError("OpenAI failed.", provider="openai", kind=kind, status=status, retry_after=7.5)
    problem = problem_of(fault)
    assert problem.status in {400, 404, 413, 422, 429, 502, 503, 504}
    assert problem.provider == "openai"
    assert problem.retry_after in (None, 7.5)
    if kind in (Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.OVERLOADED):
        assert problem.retry_after == 7.5
    if kind in (Outcome.QUOTA, Outcome.BUDGET, Outcome.AUTH):
        assert problem.retry_after is None


def test_a_field_is_named_as_clients_know_it() -> None:
    """`messages[0].content`, whoever found it."""

    class Inner(BaseModel):
        content: str = Field(min_length=1)

    class Outer(BaseModel):
        messages: list[Inner]

    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"messages": [{"content": ""}]})
    assert problem_of(caught.value).param == "messages[0].content"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
def test_each_protocol_reads_its_own_shape(status: int) -> None:
    """The same sentence in each; the header says how long to wait."""
    problem = Problem(status, "some_code", "A sentence.", param="a.field", provider="openai", retry_after=1.2)
    shapes = {}
    for protocol, path in PATHS.items():
        answer = response_of(problem, scope(path), "r" * 32)
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "2")
        shapes[protocol] = protocol.body(problem, "r" * 32)
    assert shapes[Protocol.API].keys() == {"error", "detail", "provider", "timestamp", "request_id"}
    assert shapes[Protocol.OPENAI]["error"].keys() == {"message", "type", "param", "code"}
    assert shapes[Protocol.OPENAI]["error"]["param"] == "a.field"
    assert shapes[Protocol.ANTHROPIC].keys() == {"type", "error", "request_id"}
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
    assert shapes[Protocol.ANTHROPIC]["error"]["type"] == kinds.get(status, "api_error")


def test_a_refusal_of_http_is_told_as_it_was_made() -> None:
    """`HttpError` carries its problem."""
    problem = Problem(415, "unsupported_media_type", "Send JSON.")
    assert problem_of(HttpError(problem)) is problem
