"""What OpenAPI says of every route besides its own answer: which errors it may give, and with which headers."""

from __future__ import annotations

from typing import Any

from conductor_core.models import ErrorResponse

_REQUEST_ID = {"schema": {"type": "string"}, "description": "The id of this request; the rows of its calls have it."}
_RETRY_AFTER = {"schema": {"type": "integer"}, "description": "Seconds after which it is worth trying again."}
_MEANINGS = {
    400: "A field is out of its bounds, or the body is no strict JSON.",
    401: "The API key is missing, unknown, expired or revoked.",
    403: "The key lacks the scope this needs.",
    404: "There is no such thing, or no such provider or model.",
    405: "This address does not take this method.",
    408: "The body did not arrive in time.",
    409: "The idempotency key was used for another request.",
    413: "The request is too large.",
    415: "The body was not sent as JSON.",
    422: "The provider refused the request.",
    429: "A limit of the key, of a budget or of the provider is reached.",
    500: "Conductor failed unexpectedly.",
    502: "The provider failed.",
    503: "Too much is running, nobody can be asked, or the database can't be used.",
    504: "The provider did not answer in time.",
}
_ALWAYS = (400, 401, 403, 405, 429, 500, 503)
"""What every route with a key may answer."""


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, and those of every route, for `responses`."""
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "model": ErrorResponse,
            "description": _MEANINGS[status],
            "headers": {"x-request-id": _REQUEST_ID} | ({"retry-after": _RETRY_AFTER} if status in (429, 503) else {}),
        }
        for status in sorted({*_ALWAYS, *statuses})
    }
    # What is no HTTP request at all is refused by the server, in its own words.
    found[400]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return found


def answer(description: str) -> dict[int | str, dict[str, Any]]:
    """The route's own answer."""
    return {200: {"description": description, "headers": {"x-request-id": _REQUEST_ID}}}
