"""From statuses, headers and error objects to one error with a kind and a sentence."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from conductor_core.kinds import Outcome
from conductor_core.providers.address import Target
from conductor_core.providers.base import Endpoint, Vendor
from conductor_core.providers.faults import Faults, looks_like_page, retry_after
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret

KEY = "plain-key-without-a-shape-0123456789"
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.fixture
def faults() -> Faults:
    redactor = Redactor()
    redactor.learn(Secret(KEY))
    vendor = Vendor("acme", "Acme", "openai", key_variables=("ACME_API_KEY",), base_url_variable="ACME_BASE_URL")
    return Faults(Target(vendor, Endpoint("https://api.acme.example/v1"), {}), "big-1", redactor)


def body(**error: Any) -> bytes:
    return orjson.dumps({"error": error})


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, Outcome.QUOTA),
        (429, {"code": "rate_limit_exceeded", "type": "requests"}, Outcome.RATE_LIMITED),
        (413, {"code": "rate_limit_exceeded", "type": "tokens"}, Outcome.RATE_LIMITED),
        (400, {"code": "context_length_exceeded", "type": "invalid_request_error"}, Outcome.TOO_LARGE),
        (400, {"code": 400, "type": "exceed_context_size_error"}, Outcome.TOO_LARGE),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, Outcome.AUTH),
        (404, {"code": "model_not_found", "type": "invalid_request_error"}, Outcome.NOT_FOUND),
        (400, {"type": "billing_error"}, Outcome.QUOTA),
        (400, {"code": "content_filter"}, Outcome.BLOCKED),
        (503, {"type": "overloaded_error"}, Outcome.UNAVAILABLE),
        (408, {}, Outcome.TIMEOUT),
        (504, {}, Outcome.TIMEOUT),
        (502, {}, Outcome.UNAVAILABLE),
        (422, {}, Outcome.BAD_REQUEST),
        (418, {"type": "server_error"}, Outcome.BAD_REQUEST),
        (599, {"type": "invalid_request_error"}, Outcome.SERVER_ERROR),
    ],
)
def test_the_code_says_more_than_the_status(faults: Faults, status: int, error: dict[str, Any], kind: Outcome) -> None:
    """A code that is known decides, else the status; the prose never does."""
    found = faults.of_status(status, {}, body(message="context_length_exceeded quota 401", **error))
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"type": "overloaded_error"}, Outcome.OVERLOADED, None),
        ({"type": "api_error"}, Outcome.SERVER_ERROR, None),
        ({"type": "invalid_request_error"}, Outcome.BAD_REQUEST, None),
        ({"code": 502}, Outcome.UNAVAILABLE, 502),
        ({"code": 429}, Outcome.RATE_LIMITED, 429),
        ({"code": "never heard of"}, Outcome.SERVER_ERROR, None),
        ({}, Outcome.SERVER_ERROR, None),
    ],
)
def test_an_error_inside_an_answer(faults: Faults, error: dict[str, Any], kind: Outcome, status: int | None) -> None:
    """Inside an answer of status 200 the error's own code or type decides."""
    found = faults.of_event({"error": {"message": "x", **error}})
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b'{"error": {"message": "no such thing"}}', "no such thing"),
        (b'{"error": "no such thing"}', "no such thing"),
        (b'{"message": "no such thing", "object": "error"}', "no such thing"),
        (b'{"detail": "no such thing"}', "no such thing"),
        (b'{"detail": [{"loc": ["model"]}]}', '[{"loc":["model"]}]'),
        (b'[{"error": {"code": 400, "message": "no such thing"}}]', "no such thing"),
        (b"<html>no such thing</html>", ""),
        (b"", ""),
        (b"null", ""),
    ],
)
def test_finds_what_upstream_said(faults: Faults, raw: bytes, detail: str) -> None:
    """Upstream's words are found wherever vendors and their imitators put them; a page's are not shown."""
    assert faults.of_status(400, {}, raw).detail == detail


def test_detail_is_clean_and_short(faults: Faults) -> None:
    """A key that upstream repeats is gone from the detail, also where the cut at 500 would have halved it."""
    detail = faults.of_status(400, {}, body(message="x" * 480 + KEY + "y" * 9000)).detail
    assert len(detail) <= 500
    assert "plain-key" not in detail


def test_sentences_name_who_and_what_next(faults: Faults) -> None:
    """Each sentence names the provider, and the variable, model or wait that matters."""
    assert str(faults.of_status(401, {}, b"")) == "Acme refused the key (401). Check ACME_API_KEY in Settings."
    missing = faults.of_status(404, {}, body(message="gone", code="model_not_found"))
    assert str(missing) == "Model big-1 does not exist at Acme (404). Choose another model."
    assert "Check the base URL, ACME_BASE_URL in Settings" in str(faults.of_status(404, {}, b"<html>"))
    limited = faults.of_status(429, {"Retry-After": "11.2"}, b"")
    assert str(limited) == "Acme is rate-limited (429). Wait 12 s or use another provider."
    overflow = body(type="exceed_context_size_error", n_prompt_tokens=5010, n_ctx=2048)
    assert "too long for Acme: 5010 tokens, and 2048 fit" in str(faults.of_status(400, {}, overflow))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://other.example/v1", "other.example"),
        ("//other.example:81/v1", "other.example:81"),
        ("https://user:pw@other.example/?key=1", "other.example"),
        ("/login", "api.acme.example"),
        ("", "api.acme.example"),
    ],
)
def test_redirects_name_the_host_only(faults: Faults, location: str, host: str) -> None:
    """Of a redirect only the host is told."""
    found = faults.of_status(307, {"Location": location}, b"")
    assert (str(found), found.kind) == (f"Acme redirects to {host}: fix the base URL.", Outcome.BAD_RESPONSE)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "1e12"}, 86_400.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT", "Date": DATE}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are read; a date counts from the answer's own clock, whatever ours says."""
    assert retry_after(headers) == seconds


def test_googles_retry_delay(faults: Faults) -> None:
    """Google's delay in the body counts where no header does."""
    raw = body(code=429, details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}])
    assert faults.of_status(429, {}, raw).retry_after == 17.5
    assert faults.of_status(429, {"Retry-After": "3"}, raw).retry_after == 3


@pytest.mark.parametrize(
    ("content_type", "raw", "page"),
    [
        ("text/html", b"", True),
        ("application/json", b" \n<!DOCTYPE html>", True),
        ("application/json", b'{"a": "<p>"}', False),
        ("text/plain", b"busy", False),
    ],
)
def test_knows_a_page(content_type: str, raw: bytes, page: bool) -> None:
    """A web page is known by its type or its first character."""
    assert looks_like_page(content_type, raw) is page
