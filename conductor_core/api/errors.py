"""Every refusal and fault as HTTP tells it: one table of statuses and codes, three protocols that write them down.

`problem_of` sorts what was raised, by type and kind, never by its prose; `Protocol.body` is how `/api`, OpenAI's and
Anthropic's clients expect to read it. A provider's refusal of *its* key is our 502: 401 always means a key of ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from conductor_core.errors import (
    ConductorError,
    InvalidRequest,
    LimitReached,
    NobodyLeft,
    NotConfigured,
    NotFound,
    ProviderError,
    StoreError,
    UnknownProvider,
)
from conductor_core.ids import new_id
from conductor_core.kinds import Outcome
from conductor_core.models import ErrorResponse
from conductor_core.net.hosts import header_values
from conductor_core.submissions import AnotherSubmission

INTERNAL = "internal_error"
RETRY_SOON = 1.0
"""Seconds a client is asked to wait where nobody knows better."""

_UPSTREAM: Mapping[Outcome, tuple[int, str]] = {
    Outcome.BAD_REQUEST: (400, "invalid_request"),
    Outcome.AUTH: (502, "upstream_auth"),
    Outcome.FORBIDDEN: (502, "upstream_forbidden"),
    Outcome.NOT_FOUND: (404, "model_not_found"),
    Outcome.TOO_LARGE: (413, "too_large"),
    Outcome.RATE_LIMITED: (429, "rate_limited"),
    Outcome.QUOTA: (429, "insufficient_quota"),
    Outcome.BUDGET: (429, "budget_exceeded"),
    Outcome.TIMEOUT: (504, "timeout"),
    Outcome.SERVER_ERROR: (502, "upstream_error"),
    Outcome.UNAVAILABLE: (503, "unavailable"),
    Outcome.OVERLOADED: (503, "overloaded"),
    Outcome.CONNECTION: (502, "upstream_unreachable"),
    Outcome.STREAM_CUT: (502, "stream_cut"),
    Outcome.BAD_RESPONSE: (502, "bad_response"),
}
_OURS: tuple[tuple[type[ConductorError], int, str], ...] = (
    (InvalidRequest, 400, "invalid_request"),
    (UnknownProvider, 404, "model_not_found"),
    (NotConfigured, 404, "not_configured"),
    (NobodyLeft, 503, "no_provider"),
    (AnotherSubmission, 409, "idempotency_key_reused"),
    (NotFound, 404, "not_found"),
    (StoreError, 503, "storage_unavailable"),
)
_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request", "This is no request that can be read."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
}

_ITEM = re.compile(r"\.(\d+)(?=\.|$)")
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in no protocol's words yet.

    Attributes:
        status: HTTP status.
        code: our name of it, in the list of `docs/http.md`.
        sentence: what happened, who, and what to do next; without keys.
        param: dotted path of the field to mend, if it is one.
        provider: whose fault it was, if a provider's.
        retry_after: seconds to wait, if waiting helps.
        headers: further headers, such as `allow`.
    """

    status: int
    code: str
    sentence: str
    param: str | None = None
    provider: str | None = None
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpError(ConductorError):
    """A refusal that only HTTP knows: a body too large, a missing key, a method that is not there."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


TOLD = (ConductorError, ValidationError, RequestValidationError, HTTPException)
"""What is raised to be told to whoever asked."""


class Protocol(StrEnum):
    """Who is listening, and so how an error looks."""

    API = "api"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"

    @classmethod
    def of(cls, scope: Scope) -> Protocol:
        """By the path; `/v1/models` is both vendors', and only Anthropic's clients name a version of it."""
        path = scope["path"]
        if not path.startswith("/v1"):
            return cls.API
        names_version = header_values(scope["headers"], b"anthropic-version")
        return cls.ANTHROPIC if names_version or path.startswith("/v1/messages") else cls.OPENAI

    def body(self, problem: Problem, request_id: str) -> dict[str, Any]:
        """The error as this protocol's clients read it."""
        match self:
            case Protocol.OPENAI:
                kind = _OPENAI_TYPES.get(
                    problem.status, "invalid_request_error" if problem.status < 500 else "server_error"
                )
                told = {"message": problem.sentence, "type": kind, "param": problem.param, "code": problem.code}
                return {"error": told}
            case Protocol.ANTHROPIC:
                kind = _ANTHROPIC_TYPES.get(
                    problem.status, "invalid_request_error" if problem.status < 500 else "api_error"
                )
                return {
                    "type": "error",
                    "error": {"type": kind, "message": problem.sentence},
                    "request_id": request_id,
                }
        return ErrorResponse(
            error=problem.code, detail=problem.sentence, provider=problem.provider, request_id=request_id
        ).model_dump(mode="json")


def problem_of(error: BaseException) -> Problem:
    """What an exception is to a client. Of what nobody foresaw nothing is told but that it happened."""
    if isinstance(error, HttpError):
        return error.problem
    if isinstance(error, ProviderError):
        return _of_provider(error)
    if isinstance(error, LimitReached):
        return Problem(429, "limit_reached", str(error), retry_after=error.retry_after, headers=error.headers)
    if isinstance(error, ValidationError):
        error = InvalidRequest.from_validation(error)
    if isinstance(error, RequestValidationError):
        error = _of_parameters(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    for kind, status, code in _OURS:
        if isinstance(error, kind):
            return Problem(
                status,
                code,
                str(error),
                param=_ITEM.sub(r"[\1]", getattr(error, "field", "")) or None,
                provider=getattr(error, "provider", None),
                retry_after=RETRY_SOON if status == 503 else None,
            )
    return Problem(500, INTERNAL, "Conductor failed unexpectedly. Try again, or quote the request id in a report.")


def response_of(problem: Problem, scope: Scope, request_id: str) -> Response:
    """The whole answer, in the protocol of whoever asked."""
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["retry-after"] = str(math.ceil(problem.retry_after))
    body = orjson.dumps(Protocol.of(scope).body(problem, request_id))
    return Response(body, problem.status, headers, "application/json")


def refusal_of(scope: Scope, status: int, sentence: str) -> Response:
    """The answer to a connection that is turned away before anything looks at it."""
    return response_of(Problem(status, "refused", sentence), scope, new_id())


def _of_provider(error: ProviderError) -> Problem:
    status, code = _UPSTREAM.get(error.kind, (502, "upstream_error"))
    if error.status == 422 and error.kind is Outcome.BAD_REQUEST:
        status = 422
    wait = error.retry_after or (RETRY_SOON if status == 503 else None)
    waits = status in (429, 503) and wait is not None and error.kind not in (Outcome.QUOTA, Outcome.BUDGET)
    return Problem(status, code, str(error), provider=error.provider, retry_after=wait if waits else None)


def _of_parameters(error: RequestValidationError) -> InvalidRequest:
    """A parameter of the address or a header out of its bounds; what was sent is not repeated."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return InvalidRequest(f"{field}: {first['msg'].removeprefix('Value error, ')}.", field)


def _of_http(error: HTTPException) -> Problem:
    code, sentence = _HTTP.get(error.status_code, ("invalid_request", "This request can't be answered."))
    return Problem(error.status_code, code, sentence, headers=error.headers or {})
