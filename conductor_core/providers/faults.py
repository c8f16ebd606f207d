"""From what came back (a status, an error object, an exception of the client) to one `ProviderError`.

Sorted by exception type, HTTP status and the vendors' own `error.code` and `error.type`, never by their prose.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from conductor_core.errors import ProviderError
from conductor_core.kinds import Fault, Outcome
from conductor_core.providers.address import AddressRefused, Target
from conductor_core.redaction import Redactor
from conductor_core.text import clean_text

_BY_STATUS = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.AUTH,
    402: Outcome.QUOTA,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMEOUT,
    409: Outcome.UNAVAILABLE,
    413: Outcome.TOO_LARGE,
    422: Outcome.BAD_REQUEST,
    429: Outcome.RATE_LIMITED,
    500: Outcome.SERVER_ERROR,
    502: Outcome.UNAVAILABLE,
    503: Outcome.UNAVAILABLE,
    504: Outcome.TIMEOUT,
    529: Outcome.OVERLOADED,
}

_BY_CODE = {
    "billing_error": Outcome.QUOTA,
    "billing_hard_limit_reached": Outcome.QUOTA,
    "insufficient_quota": Outcome.QUOTA,
    "context_length_exceeded": Outcome.TOO_LARGE,
    "exceed_context_size_error": Outcome.TOO_LARGE,
    "request_too_large": Outcome.TOO_LARGE,
    "invalid_api_key": Outcome.AUTH,
    "authentication_error": Outcome.AUTH,
    "permission_error": Outcome.FORBIDDEN,
    "model_not_found": Outcome.NOT_FOUND,
    "rate_limit_error": Outcome.RATE_LIMITED,
    "rate_limit_exceeded": Outcome.RATE_LIMITED,
    "timeout_error": Outcome.TIMEOUT,
    "content_filter": Outcome.BLOCKED,
    "content_policy_violation": Outcome.BLOCKED,
    "API_KEY_INVALID": Outcome.AUTH,
    "FAILED_PRECONDITION": Outcome.FORBIDDEN,
}
"""Codes that say more than the status they come with, of OpenAI, Anthropic, Azure, llama.cpp and Google.

(Google's refusals of a key and of a region both come as 400.)
"""

_BY_TYPE = {
    "invalid_request_error": Outcome.BAD_REQUEST,
    "not_found_error": Outcome.NOT_FOUND,
    "api_error": Outcome.SERVER_ERROR,
    "server_error": Outcome.SERVER_ERROR,
    "overloaded_error": Outcome.OVERLOADED,
}
"""Types that say less than a status: used only where an error object comes without one, inside a stream."""

_LONGEST_WAIT = 86_400.0
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


class SilenceTimeout(Exception):
    """Nothing was received for longer than the deadline between two pieces of an answer."""


class TotalTimeout(Exception):
    """The answer took longer than its whole deadline."""


class Unreachable(Exception):
    """No connection was made, by a client other than aiohttp; `os_error` says why."""

    def __init__(self, os_error: OSError) -> None:
        super().__init__(str(os_error))
        self.os_error = os_error


class Faults:
    """Turns the faults of one call into a `ProviderError`.

    Args:
        target: whom the call goes to.
        model: what it asks for, to be named when it does not exist.
        redactor: keeps keys out of what upstream said.
    """

    __slots__ = ("_model", "_redactor", "_target")

    def __init__(self, target: Target, model: str, redactor: Redactor) -> None:
        self._target = target
        self._model = model
        self._redactor = redactor

    def of_status(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The fault an HTTP answer other than 2xx stands for."""
        if 300 <= status < 400:
            return self._redirect(status, headers.get("Location", ""))
        error = _error_object(body)
        kind = _kind(error, status)
        wait = retry_after(headers)
        return self._built(kind, error, status, _retry_delay(error) if wait is None else wait)

    def of_event(self, event: Any) -> ProviderError:
        """The fault an error object inside an answer of status 200 stands for."""
        error = _fields(event)
        code = error.get("code")
        status = code if isinstance(code, int) and 400 <= code <= 599 else None
        return self._built(_kind(error, status), error, status, _retry_delay(error))

    def of_exception(self, error: BaseException, *, answering: bool) -> ProviderError:
        """The fault an exception of the client stands for.

        Args:
            answering: whether a part of the answer had come already.
        """
        kind, fault, sentence = self._connecting(error) or self._cut(error, answering)
        return self._error(kind, sentence, fault=fault, detail=_reason(error))

    def cut(self, sentence: str) -> ProviderError:
        """A stream that ended before its answer did."""
        return self._error(Outcome.STREAM_CUT, f"{self._target.label} {sentence}")

    def bad_response(self, sentence: str, status: int | None = 200, fault: Fault | None = None) -> ProviderError:
        return self._error(Outcome.BAD_RESPONSE, f"{self._target.label} {sentence}", status=status, fault=fault)

    def no_first_byte(self) -> ProviderError:
        """Nothing came before the deadline of the first byte."""
        sentence = f"{self._target.label} sent nothing in time. Retry or use another provider."
        return self._error(Outcome.TIMEOUT, sentence, fault=Fault.NO_FIRST_BYTE)

    def no_reason(self) -> ProviderError:
        """A stream that ended cleanly without saying why."""
        return self.cut("ended its answer without a finish reason; it may be incomplete. Retry or continue.")

    def broken_off(self) -> ProviderError:
        """A stream whose last event is not whole."""
        return self.cut("broke off its answer. Retry or use another provider.")

    def too_malformed(self) -> ProviderError:
        """A stream with more unreadable events than can be skipped."""
        return self.cut("sent an answer that can't be read to its end. Retry it.")

    def unreadable(self) -> ProviderError:
        """A whole answer that is not JSON."""
        return self.bad_response("sent an unreadable answer. Retry or use another provider.")

    def too_long(self, limit: int, *, streamed: bool) -> ProviderError:
        """More than `limit` bytes; of a stream the part that came is kept."""
        if streamed:
            return self.cut(f"sent more than {megabytes(limit)}; the answer was cut at this limit.")
        return self.bad_response(f"sent more than {megabytes(limit)}, the limit of an answer.")

    def unknown_shape(self) -> ProviderError:
        """JSON, yet not of the dialect."""
        return self.bad_response("sent an answer of an unknown shape. Check its base URL.")

    def web_page(self) -> ProviderError:
        advice = self._advice("Check", self._target.base_url_variable)
        return self.bad_response(f"answered with a web page (proxy or wrong base URL?).{advice}")

    def _redirect(self, status: int, location: str) -> ProviderError:
        found = re.match(r"(?:https?:)?//([^/?#\\]+)", location)
        host = found[1].rpartition("@")[2] if found else self._target.host
        return self.bad_response(
            f"redirects to {self._redactor.clean(host[:100])}: fix the base URL.", status, Fault.REDIRECT
        )

    def _built(self, kind: Outcome, error: dict[str, Any], status: int | None, wait: float | None) -> ProviderError:
        sentence = self._sentence(kind, error, status, wait)
        return self._error(kind, sentence, status=status, retry_after=wait, detail=str(error.get("message", "")))

    def _error(
        self,
        kind: Outcome,
        sentence: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        fault: Fault | None = None,
        detail: str = "",
    ) -> ProviderError:
        return ProviderError(
            sentence,
            provider=self._target.provider,
            kind=kind,
            status=status,
            retry_after=retry_after,
            fault=fault,
            detail=self._redactor.clean(clean_text(detail[:4000]))[:500],
        )

    def _sentence(self, kind: Outcome, error: dict[str, Any], status: int | None, wait: float | None) -> str:
        label, code = self._target.label, f" ({status})" if status else ""
        match kind:
            case Outcome.AUTH:
                return f"{label} refused the key{code}.{self._advice('Check', self._target.key_variable)}"
            case Outcome.QUOTA:
                return f"The account at {label} has no credit left{code}. Top it up there or use another provider."
            case Outcome.FORBIDDEN:
                return f"{label} does not allow this{code}: the key lacks the right, or the region is not served."
            case Outcome.NOT_FOUND:
                return self._not_found(error, code)
            case Outcome.TOO_LARGE:
                return f"The conversation is too long for {label}{_limit(error)}{code}. Shorten it."
            case Outcome.RATE_LIMITED:
                pause = f"Wait {math.ceil(wait)} s" if wait else "Wait a little"
                return f"{label} is rate-limited{code}. {pause} or use another provider."
            case Outcome.TIMEOUT:
                return f"{label} took too long{code}. Retry or use another provider."
            case Outcome.OVERLOADED:
                return f"{label} is overloaded for everyone{code}. Retry later or use another provider."
            case Outcome.UNAVAILABLE:
                return f"{label} is not available right now{code}. Retry or use another provider."
            case Outcome.SERVER_ERROR:
                return f"{label} had an internal error{code}. Retry or use another provider."
            case Outcome.BLOCKED:
                return f"{label} blocked this request by its content rules{code}. Rephrase it."
            case _:
                return f"{label} refused the request{code}. Its reason is below; change the request and retry."

    def _not_found(self, error: dict[str, Any], code: str) -> str:
        if self._model and error:
            return f"Model {self._model} does not exist at {self._target.label}{code}. Choose another model."
        advice = self._advice("Check the base URL,", self._target.base_url_variable)
        return f"{self._target.label} has nothing at this address of {self._target.host}{code}.{advice}"

    def _advice(self, verb: str, variable: str) -> str:
        return f" {verb} {variable} in Settings." if variable else " Check Settings."

    def _connecting(self, error: BaseException) -> tuple[Outcome, Fault | None, str] | None:
        """The faults of the way to the provider, before any request was on it."""
        label, host = self._target.label, self._target.host
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError | Unreachable) else error
        match error, cause:
            case (aiohttp.ConnectionTimeoutError(), _) | (Unreachable(), TimeoutError()):
                sentence = f"{label} is not reachable: no connection to {host} in time. Check the network."
                return Outcome.TIMEOUT, Fault.NO_CONNECTION, sentence
            case (
                aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as reason),
                _,
            ) | (Unreachable(), ssl.SSLCertVerificationError() as reason):
                sentence = f"The certificate of {label} ({host}) is not valid: {reason.verify_message}."
                return Outcome.CONNECTION, Fault.TLS, sentence
            case (aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError(), _) | (_, ssl.SSLError()):
                sentence = f"No secure connection to {label} ({host}). Check http or https in its base URL."
                return Outcome.CONNECTION, Fault.TLS, sentence
            case _, AddressRefused():
                return Outcome.CONNECTION, Fault.ADDRESS, f"{label} may not be reached at {host}: {cause}."
            case (aiohttp.ClientConnectorDNSError(), _) | (Unreachable(), socket.gaierror()):
                sentence = f"Host {host} of {label} was not found. Check the network and the base URL."
                return Outcome.CONNECTION, Fault.DNS, sentence
            case _, ConnectionRefusedError():
                sentence = f"Nothing listens at {host} for {label}. Is the server started?"
                return Outcome.CONNECTION, Fault.NOBODY_LISTENS, sentence
            case (aiohttp.ClientConnectorError() | aiohttp.InvalidURL() | Unreachable(), _):
                sentence = f"{label} is not reachable at {host}. Check the network and the base URL."
                return Outcome.CONNECTION, None, sentence
        return None

    def _cut(self, error: BaseException, answering: bool) -> tuple[Outcome, Fault | None, str]:
        """The faults of a connection that stood."""
        label, advice = self._target.label, "Retry or use another provider."
        match error:
            case SilenceTimeout():
                return Outcome.TIMEOUT, None, f"{label} stopped answering. {advice}"
            case TotalTimeout() | TimeoutError():
                return Outcome.TIMEOUT, Fault.DEADLINE, f"{label} did not finish in time. {advice}"
            case aiohttp.ClientResponseError():
                return Outcome.BAD_RESPONSE, None, f"{label} sent an unreadable answer. Check its base URL."
        if answering:
            return Outcome.STREAM_CUT, None, f"{label} broke off its answer. {advice}"
        return Outcome.CONNECTION, None, f"{label} closed the connection without an answer. {advice}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds an answer asks to wait, at least 0 and at most a day; None when it does not say.

    Reads `retry-after-ms`, and `Retry-After` as seconds or as a date (RFC 9110 §10.2.3). A date counts from the
    answer's own `Date`, so that neither clock needs to be right.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    value = headers.get("Retry-After", "")
    seconds = _number(value)
    if seconds is not None:
        return _clamped(seconds)
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers.get("Date", ""))
        return _clamped((until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def looks_like_page(content_type: str, body: bytes) -> bool:
    """Whether an answer is a web page instead of an API's answer."""
    return content_type.lower().startswith(("text/html", "application/xhtml")) or body[:64].lstrip().startswith(b"<")


def megabytes(size: int) -> str:
    """A size in bytes, as people read it."""
    return f"{size / 1_048_576:.3g} MB"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _error_object(body: bytes) -> dict[str, Any]:
    """The error's fields, wherever vendors and their imitators put them; empty for anything that is not JSON."""
    try:
        return _fields(orjson.loads(body))
    except orjson.JSONDecodeError:
        return {}


def _fields(answer: Any) -> dict[str, Any]:
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return {}
    error = answer.get("error", answer)
    if isinstance(error, dict):
        detail = error.get("message") or error.get("detail") or ""
        return {**error, "message": detail if isinstance(detail, str) else orjson.dumps(detail).decode()}
    return {"code": answer.get("code"), "message": str(error)}


def _kind(error: dict[str, Any], status: int | None) -> Outcome:
    for value in (error.get("code"), error.get("type"), *_google_reasons(error), error.get("status")):
        if isinstance(value, str) and value in _BY_CODE:
            return _BY_CODE[value]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None:
        return Outcome.SERVER_ERROR if status >= 500 else Outcome.BAD_REQUEST
    return _BY_TYPE.get(str(error.get("type")), Outcome.SERVER_ERROR)


def _limit(error: dict[str, Any]) -> str:
    """What the prompt had and what fits, in tokens, where the server says so (llama.cpp)."""
    had, fits = error.get("n_prompt_tokens"), error.get("n_ctx")
    return f": {had} tokens, and {fits} fit" if isinstance(had, int) and isinstance(fits, int) else ""


def _google_reasons(error: dict[str, Any]) -> list[Any]:
    """Google's `ErrorInfo` reasons."""
    return [entry.get("reason") for entry in _google_details(error)]


def _google_details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []


def _retry_delay(error: dict[str, Any]) -> float | None:
    """Google's `RetryInfo` in the details of an error."""
    for entry in _google_details(error):
        found = _DELAY.fullmatch(str(entry.get("retryDelay")))
        if found:
            return _clamped(float(found[1]))
    return None


def _reason(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
