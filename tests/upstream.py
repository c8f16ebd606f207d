"""A small server that speaks the vendors' dialects and misbehaves on request; shared by all tests.

Inside a test: `async with Upstream() as upstream`. Beside one: `python -m tests.upstream --port 9000`, which prints its
address once it listens. What it does is asked for by words in the model's name (`any-delay-300-words-5`), or for every
call by `upstream.behaviour` or `POST /_behaviour` with those words as the body:

    words-N         answer with N words (default 12)
    delay-MS        wait before the first byte
    gap-MS          wait before every piece of a stream
    silent          take the request and never answer
    status-NNN      answer with this status and the vendor's error object, or with html a web page; what it asks to
                    wait: wait-S or waitms-MS in its headers, date-S or past as a date by a clock an hour fast, info-S
                    in Google's details; quota says that no credit is left
    first-N         only the first N calls of the model misbehave
    error-N         after N pieces an error object inside the stream
    stall-N         after N pieces nothing more, the connection stays open
    cut-N           after N pieces the connection is reset
    end-N           after N pieces a clean end, without a finish reason
    bad-N           N pieces that are not JSON, before the good ones
    badend          the last event is cut in its middle
    bytes           every byte of the stream is a write of its own
    drip-MS         … and comes so long after the one before
    same            every word is the same one
    halves          characters outside the basic plane arrive as two halves, escaped, in two pieces
    unfinished      no finish reason, though the stream is closed as it should be
    uncounted       no usage
    length, filter  these finish reasons
    thinking        the model thinks before it answers
    calls-N         it calls `CALLED` N times after its text, until it is told what that gave back
    crlf            lines end with CRLF
    big-KB          every piece of text has this size
    html, garbage   a web page; something that is not JSON
    redirect        302 to another host, `upstream.elsewhere`
    hang            the stream is complete, yet the connection stays open

`GET /_requests` lists what was asked. A new dialect is a subclass of `Dialect` in the list `DIALECTS`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

_KNOBS = (
    "words|delay|gap|drip|same|first|silent|status|waitms|wait|date|past|info|quota|error|stall|cut|end|badend|bad|bytes|halves|unfinished|uncounted|length|filter"
    "|thinking|calls|crlf|big|html|garbage|redirect|hang"
)
_KNOB = re.compile(rf"(?<![a-z0-9])({_KNOBS})(?:-(\d+))?(?![a-z0-9])")
_TEXT = ("Grüße", "aus", "Köln", "👋", "—", "it", "works", "日本語", "too\u2028or", "so", "they", "say")

CALLED = "get_weather"

PAGE = b"<!DOCTYPE html><html><body>Welcome to the proxy</body></html>"


@dataclass
class Plan:
    """What one call shall see."""

    knobs: dict[str, int]
    says: tuple[str, ...] = _TEXT

    @classmethod
    def of(cls, words: str, says: tuple[str, ...] = _TEXT) -> Plan:
        return cls({name: int(number or 0) for name, number in _KNOB.findall(words)}, says)

    def __contains__(self, knob: str) -> bool:
        return knob in self.knobs

    def get(self, knob: str, default: int = 0) -> int:
        return self.knobs.get(knob, default)

    @property
    def pieces(self) -> list[str]:
        """The answer's text, word by word."""
        if "big" in self:
            return ["x" * (self.get("big") * 1024)] * self.get("words", 12)
        if "same" in self:
            return ["ha "] * self.get("words", 12)
        return [self.says[i % len(self.says)] + " " for i in range(self.get("words", 12))]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The tool calls of the answer: their ids and arguments."""
        return [(f"call_{number}", {"city": "Köln", "day": number}) for number in range(self.get("calls"))]

    @property
    def thoughts(self) -> str:
        return "let me see" if "thinking" in self else ""


@dataclass
class Received:
    """One request, and whether its client hung up before the answer was complete."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    model: str
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Dialect(ABC):
    """How one vendor's API looks."""

    stream_type = "text/event-stream"

    @abstractmethod
    def speaks(self, path: str) -> bool:
        """Whether a request to `path` is one of this dialect."""

    @abstractmethod
    def model(self, path: str, body: Any) -> str: ...

    @abstractmethod
    def streams(self, path: str, body: Any) -> bool: ...

    @abstractmethod
    def lists_models(self, path: str) -> bool: ...

    @abstractmethod
    def models(self) -> Any: ...

    @abstractmethod
    def whole(self, plan: Plan, model: str) -> Any: ...

    @abstractmethod
    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        """A stream's events: before its text, one per piece of text, and after it."""

    @abstractmethod
    def error(self, status: int) -> Any: ...

    def framed(self, event: Any, first: bool, plan: Plan) -> bytes:
        """One event as it stands on the wire."""
        payload = event if isinstance(event, str) else json.dumps(event, ensure_ascii="halves" in plan)
        text = f"data: {payload}\n\n"
        return (text.replace("\n", "\r\n") if "crlf" in plan else text).encode()

    def closing(self) -> bytes:
        """What ends the body of a complete stream."""
        return b""


class OpenAIDialect(Dialect):
    """Chat Completions, as OpenAI and its many imitators speak it."""

    def speaks(self, path: str) -> bool:
        return path.endswith(("/chat/completions", "/models")) and "/v1/" in path

    def model(self, path: str, body: Any) -> str:
        return str(body["model"]) if isinstance(body, dict) else ""

    def streams(self, path: str, body: Any) -> bool:
        return bool(body.get("stream"))

    def lists_models(self, path: str) -> bool:
        return path.endswith("/models")

    def models(self) -> Any:
        return {"object": "list", "data": [{"id": "first-model", "object": "model"}, {"id": "second-model"}]}

    def whole(self, plan: Plan, model: str) -> Any:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": plan.text or None,
            "reasoning_content": plan.thoughts or None,
        }
        if plan.calls:
            message["tool_calls"] = [self._call(id, json.dumps(arguments)) for id, arguments in plan.calls]
        answer = {"id": "c1", "object": "chat.completion", "model": model}
        choice = {"index": 0, "message": message, "finish_reason": self._reason(plan)}
        return {**answer, "choices": [choice], **({} if "uncounted" in plan else {"usage": self._usage(plan)})}

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        def event(delta: dict[str, Any], reason: str | None = None) -> Any:
            choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
            return {**facts, "choices": choices, "usage": None}

        facts = {"id": "c1", "object": "chat.completion.chunk", "created": 1_764_000_000, "model": model}

        before = [event({"role": "assistant", "content": ""})]
        if plan.thoughts:
            before.append(event({"reasoning_content": plan.thoughts}))
        after = []
        for number, (id, arguments) in enumerate(plan.calls):
            text = json.dumps(arguments)
            first, rest = self._call(id, ""), {"function": {"arguments": text[9:]}}
            after += [
                event({"tool_calls": [{"index": number, **first}]}),
                event({"tool_calls": [{"index": number, "function": {"arguments": text[:9]}}]}),
                event({"tool_calls": [{"index": number, **rest}]}),
            ]
        if "unfinished" not in plan:
            after.append(event({}, self._reason(plan)))
        if "uncounted" not in plan:
            after.append({**facts, "choices": [], "usage": self._usage(plan)})
        return before, [event({"content": piece}) for piece in _halved(plan)], [*after, "[DONE]"]

    def error(self, status: int) -> Any:
        kinds = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
        return {"error": {"message": f"synthetic {status}", "type": "server_error", "code": kinds.get(status)}}

    def _reason(self, plan: Plan) -> str:
        if plan.calls:
            return "tool_calls"
        return "length" if "length" in plan else "content_filter" if "filter" in plan else "stop"

    def _call(self, id: str, arguments: str) -> Any:
        return {"id": id, "type": "function", "function": {"name": CALLED, "arguments": arguments}}

    def _usage(self, plan: Plan) -> Any:
        thinking = 3 if "thinking" in plan else 0
        details = {"completion_tokens_details": {"reasoning_tokens": thinking}} if thinking else {}
        count = plan.get("words", 12) + thinking
        return {"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count, **details}


class AnthropicDialect(Dialect):
    """The Messages API."""

    def speaks(self, path: str) -> bool:
        return path.endswith("/v1/messages") or "/v1/models?" in path

    def model(self, path: str, body: Any) -> str:
        return str(body["model"]) if isinstance(body, dict) else ""

    def streams(self, path: str, body: Any) -> bool:
        return bool(body.get("stream"))

    def lists_models(self, path: str) -> bool:
        return "/models" in path

    def models(self) -> Any:
        return {"data": [{"type": "model", "id": "first-model"}, {"type": "model", "id": "second-model"}]}

    def whole(self, plan: Plan, model: str) -> Any:
        content: list[Any] = (
            [{"type": "thinking", "thinking": plan.thoughts, "signature": "x"}] if plan.thoughts else []
        )
        if plan.text:
            content.append({"type": "text", "text": plan.text})
        content += [{"type": "tool_use", "id": id, "name": CALLED, "input": arguments} for id, arguments in plan.calls]
        answer = {"id": "m1", "type": "message", "role": "assistant", "model": model, "content": content}
        usage = {} if "uncounted" in plan else {"usage": {"input_tokens": 7, "output_tokens": self._count(plan)}}
        return {**answer, "stop_reason": self._reason(plan), "stop_sequence": None, **usage}

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        usage = {} if "uncounted" in plan else {"usage": {"input_tokens": 7, "output_tokens": 1}}
        start = {"id": "m1", "type": "message", "role": "assistant", "model": model, "content": [], **usage}
        before: list[Any] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        if plan.thoughts:
            before.append(self._delta(0, "thinking", plan.thoughts))
        text = [self._delta(1, "text", piece) for piece in _halved(plan)]
        calls: list[Any] = []
        for number, (id, arguments) in enumerate(plan.calls, 2):
            block = {"type": "tool_use", "id": id, "name": CALLED, "input": {}}
            calls.append({"type": "content_block_start", "index": number, "content_block": block})
            for piece in (json.dumps(arguments)[:9], json.dumps(arguments)[9:]):
                delta = {"type": "input_json_delta", "partial_json": piece}
                calls.append({"type": "content_block_delta", "index": number, "delta": delta})
            calls.append({"type": "content_block_stop", "index": number})
        end: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": self._reason(plan)}}
        if "uncounted" not in plan:
            end["usage"] = {"output_tokens": self._count(plan)}
        return before, text, [*calls, *([] if "unfinished" in plan else [end]), {"type": "message_stop"}]

    def error(self, status: int) -> Any:
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": f"synthetic {status}"}}

    def _delta(self, index: int, kind: str, text: str) -> Any:
        return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", kind: text}}

    def _reason(self, plan: Plan) -> str:
        if plan.calls:
            return "tool_use"
        return "max_tokens" if "length" in plan else "refusal" if "filter" in plan else "end_turn"

    def _count(self, plan: Plan) -> int:
        return plan.get("words", 12) + (3 if "thinking" in plan else 0)


class GeminiDialect(Dialect):
    """Gemini's REST interface: a streamed answer is a JSON array, enums are numbers, the model is in the path."""

    stream_type = "application/json; charset=UTF-8"

    def speaks(self, path: str) -> bool:
        return "/v1beta/models" in path

    def model(self, path: str, body: Any) -> str:
        return path.partition("/v1beta/models/")[2].partition(":")[0]

    def streams(self, path: str, body: Any) -> bool:
        return ":streamGenerateContent" in path

    def lists_models(self, path: str) -> bool:
        return path.partition("?")[0].endswith("/models")

    def models(self) -> Any:
        names = {"first-model": "generateContent", "an-embedding": "embedContent", "second-model": "generateContent"}
        return {"models": [{"name": f"models/{n}", "supportedGenerationMethods": [m]} for n, m in names.items()]}

    def whole(self, plan: Plan, model: str) -> Any:
        parts = [{"text": plan.thoughts, "thought": True}] if plan.thoughts else []
        return self._object(model, [*parts, {"text": plan.text}], plan, last=True)

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        thoughts = [{"text": plan.thoughts, "thought": True}]
        before = [self._object(model, thoughts, plan)] if plan.thoughts else []
        text = [self._object(model, [{"text": piece}], plan) for piece in _halved(plan)]
        after = [] if "unfinished" in plan else [self._object(model, [{"text": ""}], plan, last=True)]
        return before, text, after

    def error(self, status: int) -> Any:
        return {"error": {"code": status, "message": f"synthetic {status}", "status": "UNKNOWN"}}

    def framed(self, event: Any, first: bool, plan: Plan) -> bytes:
        payload = "{not JSON}" if isinstance(event, str) else json.dumps(event, ensure_ascii="halves" in plan)
        return ("[" if first else ",\r\n").encode() + payload.encode()

    def closing(self) -> bytes:
        return b"\n]\n"

    def _object(self, model: str, parts: list[Any], plan: Plan, *, last: bool = False) -> Any:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": model}
        if last:
            candidate["finishReason"] = 2 if "length" in plan else 3 if "filter" in plan else 1
        if last and "uncounted" not in plan:
            count, thinking = plan.get("words", 12), 3 if "thinking" in plan else 0
            counts = {"candidatesTokenCount": count, "totalTokenCount": 7 + count + thinking}
            answer["usageMetadata"] = {"promptTokenCount": 7, **counts}
        return answer


DIALECTS: list[Dialect] = [GeminiDialect(), AnthropicDialect(), OpenAIDialect()]


def _halved(plan: Plan) -> list[str]:
    """The pieces; if asked for, each cut between the two halves of its first character outside the basic plane."""
    if "halves" not in plan:
        return plan.pieces
    units = [piece.encode("utf-16-be", "surrogatepass") for piece in plan.pieces]
    cut: list[str] = []
    for unit in units:
        at = next((i + 2 for i in range(0, len(unit), 2) if 0xD8 <= unit[i] <= 0xDB), len(unit))
        cut += [part.decode("utf-16-be", "surrogatepass") for part in (unit[:at], unit[at:]) if part]
    return cut


class Upstream:
    """The server. `requests` holds what was asked, in order; `behaviour` is added to every model's name.

    `says` are the words its answers are made of.
    """

    def __init__(self, port: int = 0, dialects: list[Dialect] | None = None) -> None:
        self.requests: list[Received] = []
        self.behaviour = ""
        self.says: tuple[str, ...] = _TEXT
        self.elsewhere = "http://elsewhere.example/v1/chat/completions"
        self.connections = 0
        self.dialects = DIALECTS if dialects is None else dialects
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def last(self) -> Received:
        return self.requests[-1]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        # Not yet closed: in 3.11 a connection that was accepted just before is then left open for good, because its
        # transport asserts that its server has sockets.
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        # A connection accepted just now takes the loop a few turns until it is there to be ended, and to be gone.
        for _ in range(8):
            for connection in list(self._open):
                connection.abort()
            await asyncio.sleep(0)
        self._server.close()
        await self._server.wait_closed()

    def opened(self, connection: _Connection) -> None:
        self.connections += 1
        self._open.add(connection)

    def closed(self, connection: _Connection) -> None:
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    """One client's connection: reads requests one by one and answers each by its plan."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._current: Received | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._upstream.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.closed(self)
        if self._task and not self._task.done():
            if self._current:
                self._current.hung_up.set()
            self._task.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = lines[0].split(" ")
        self._task = asyncio.create_task(self._answer(method, path, headers, rest[:length]))

    async def _answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> None:
        if path.startswith("/_"):
            self._control(path, raw)
            return
        dialect = next((one for one in self._upstream.dialects if one.speaks(path)), None)
        body = json.loads(raw) if raw else None
        model = dialect.model(path, body) if dialect else ""
        self._current = received = Received(method, path, headers, body, model)
        self._upstream.requests.append(received)
        if dialect is None:
            self._send(404, b"not found", "text/plain")
            return
        plan = Plan.of(f"{model} {self._upstream.behaviour}", self._upstream.says)
        if "first" in plan and sum(one.model == model for one in self._upstream.requests) > plan.get("first"):
            plan = Plan.of("", self._upstream.says)
        if "calls" in plan and _tells_results(body):
            del plan.knobs["calls"]
        await self._carry_out(plan, dialect, received)
        received.answered.set()

    async def _carry_out(self, plan: Plan, dialect: Dialect, received: Received) -> None:
        if "delay" in plan:
            await asyncio.sleep(plan.get("delay") / 1000)
        if "silent" in plan:
            await asyncio.Event().wait()
        if "status" in plan:
            self._refuse(plan, dialect)
        elif "redirect" in plan:
            self._send(302, b"", "text/plain", f"Location: {self._upstream.elsewhere}\r\n")
        elif "html" in plan:
            self._send(200, PAGE, "text/html; charset=utf-8")
        elif dialect.lists_models(received.path):
            self._send_json(200, dialect.models())
        elif dialect.streams(received.path, received.body):
            await self._stream(plan, dialect, received.model)
        elif "garbage" in plan:
            self._send(200, b'{"choices": [{"mess', "application/json")
        elif "cut" in plan:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
            self._transport.close()
        elif "stall" in plan:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
            await asyncio.Event().wait()
        else:
            self._send_json(200, dialect.whole(plan, received.model))

    def _refuse(self, plan: Plan, dialect: Dialect) -> None:
        answer = dialect.error(plan.get("status"))
        if "quota" in plan:
            answer["error"]["code"] = "insufficient_quota"
        if "info" in plan:
            answer["error"]["details"] = [{"@type": "google.rpc.RetryInfo", "retryDelay": f"{plan.get('info')}s"}]
        if "html" in plan:
            self._send(plan.get("status"), PAGE, "text/html; charset=utf-8", _asked_wait(plan))
        else:
            self._send_json(plan.get("status"), answer, _asked_wait(plan))

    async def _stream(self, plan: Plan, dialect: Dialect, model: str) -> None:
        self._transport.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {dialect.stream_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        before, text, after = dialect.events(plan, model)
        events: list[Any] = before + ['{"choices": [{'] * plan.get("bad") + text + after
        faults = {"error": self._error, "stall": self._stall, "cut": self._cut, "end": self._end}
        fault = next((name for name in faults if name in plan), None)
        fault_at = len(before) + plan.get("bad") + plan.get(fault) if fault else -1
        for position, event in enumerate(events):
            if position == fault_at and fault:
                await faults[fault](dialect, plan)
                return
            if "gap" in plan and position >= len(before):
                await asyncio.sleep(plan.get("gap") / 1000)
            data = dialect.framed(event, position == 0, plan)
            if "badend" in plan and position == len(before) + len(text) - 1:
                self._piece(data[: len(data) // 2], plan)
                break
            if "drip" in plan and position >= len(before):
                for place in range(len(data)):
                    await asyncio.sleep(plan.get("drip") / 1000)
                    self._piece(data[place : place + 1], plan)
                continue
            self._piece(data, plan)
            await asyncio.sleep(0)
        self._piece(dialect.closing(), plan)
        if "hang" in plan:
            await asyncio.Event().wait()
        self._transport.write(b"0\r\n\r\n")

    async def _error(self, dialect: Dialect, plan: Plan) -> None:
        self._piece(dialect.framed(dialect.error(529), False, plan), plan)
        self._transport.write(b"0\r\n\r\n")

    async def _stall(self, dialect: Dialect, plan: Plan) -> None:
        await asyncio.Event().wait()

    async def _cut(self, dialect: Dialect, plan: Plan) -> None:
        await asyncio.sleep(0.02)  # a reset discards what the client has not read yet
        self._transport.abort()

    async def _end(self, dialect: Dialect, plan: Plan) -> None:
        self._transport.write(b"0\r\n\r\n")

    def _piece(self, data: bytes, plan: Plan) -> None:
        for part in [data[i : i + 1] for i in range(len(data))] if "bytes" in plan else [data]:
            if part:
                self._transport.write(b"%x\r\n%s\r\n" % (len(part), part))

    def _control(self, path: str, raw: bytes) -> None:
        if path == "/_behaviour":
            self._upstream.behaviour = raw.decode()
        asked = [
            {"method": r.method, "path": r.path, "body": r.body, "model": r.model} for r in self._upstream.requests
        ]
        for shown, received in zip(asked, self._upstream.requests, strict=True):
            shown["hung_up"] = received.hung_up.is_set()
        self._send_json(200, asked)

    def _send_json(self, status: int, answer: Any, extra: str = "") -> None:
        self._send(status, json.dumps(answer, ensure_ascii=False).encode(), "application/json", extra)

    def _send(self, status: int, body: bytes, content_type: str, extra: str = "") -> None:
        head = f"HTTP/1.1 {status} Any\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        self._transport.write(head.encode() + body)


def _tells_results(body: Any) -> bool:
    """Whether something was said of what a tool gave back since the model spoke last."""
    said = [] if not isinstance(body, dict) else body.get("messages", [])
    roles = [message["role"] for message in said]
    since = said[len(said) - roles[::-1].index("assistant") :] if "assistant" in roles else []
    return any(message["role"] == "tool" or '"tool_result"' in json.dumps(message) for message in since)


def _asked_wait(plan: Plan) -> str:
    """The headers that ask to wait."""
    if "waitms" in plan:
        return f"retry-after-ms: {plan.get('waitms')}\r\n"
    if "wait" in plan:
        return f"Retry-After: {plan.get('wait')}\r\n"
    if "date" in plan or "past" in plan:
        now = datetime.now(UTC) + timedelta(hours=1)
        until = now + timedelta(seconds=plan.get("date", -3600))
        return f"Date: {format_datetime(now, True)}\r\nRetry-After: {format_datetime(until, True)}\r\n"
    return ""


async def _serve(port: int) -> None:
    async with Upstream(port) as upstream:
        print(upstream.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="The tests' upstream.")
    parser.add_argument("--port", type=int, default=0)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
