"""Bad input to a chat, by the ids of the project's list of it; what `/api/chat` and `/v1/chat/completions` share.

Each row changes one thing in a request that is otherwise fine: fields (a None here is JSON's null, `MISSING` takes the
field out), or the bytes of the body as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MISSING = ...
"""In place of a field's value: the field is left out."""

ZERO_WIDTH = "\u200b\u200d\ufeff"
TOO_DEEP = b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@dataclass(frozen=True, slots=True)
class Bad:
    """One row.

    Attributes:
        id: in the list.
        fields: what is changed.
        raw: the whole body instead.
        headers: what is changed of the headers; None takes one out.
        status: what must be answered …
        param: … and which field be named, if one is.
        only: "api" or "openai", where the two differ.
    """

    id: str
    status: int
    fields: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    param: str | None = None
    only: str = ""

    def __str__(self) -> str:
        what = self.fields or self.headers or (self.raw or b"")[:30]
        return f"{self.id}-{str(what)[:60]}"


def said(content: Any, role: Any = "user") -> dict[str, Any]:
    """One message as the field it is in."""
    return {"messages": [{"role": role, "content": content}]}


def _raw(member: bytes) -> bytes:
    """A body that is right but for one member that no serialiser writes."""
    return b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hello"}],' + member + b"}"


CONTENT = "messages[0].content"

ROWS = [
    Bad("B01", 400, said(""), param=CONTENT),
    Bad("B02", 400, said(" \n\t "), param=CONTENT),
    Bad("B02", 400, said(ZERO_WIDTH), param=CONTENT),
    Bad("B03", 400, {"messages": []}, param="messages"),
    Bad("B03", 400, {"messages": MISSING}, param="messages"),
    Bad("B03", 400, {"messages": None}, param="messages"),
    Bad("B06", 400, said("a\0b"), param=CONTENT),
    Bad("B07", 400, raw=_raw(rb'"stop":["\ud800"]')),
    Bad("B11", 400, {"messages": [{"role": "user", "content": "x"}] * 10_001}, param="messages"),
    Bad("B12", 400, said("Hello", "robot"), param="messages[0].role"),
    Bad("B13", 400, {"messages": [{"content": "Hello"}]}, param="messages[0].role"),
    Bad("B13", 400, said("Hello", 7), param="messages[0].role"),
    Bad("B13", 400, said("Hello", None), param="messages[0].role"),
    Bad("B17", 400, said([{"type": "hologram", "hologram": "x"}])),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}])),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}])),
    Bad("B19", 400, raw=_raw(b'"temperature":NaN')),
    Bad("B19", 400, raw=_raw(b'"temperature":Infinity')),
    Bad("B20", 400, {"temperature": -1}, param="temperature"),
    Bad("B20", 400, {"temperature": 2.1}, param="temperature"),
    Bad("B21", 400, {"temperature": "0.7"}, param="temperature"),
    Bad("B21", 400, {"temperature": True}, param="temperature"),
    Bad("B22", 400, {"top_p": 0}, param="top_p"),
    Bad("B22", 400, {"top_p": 1.01}, param="top_p"),
    Bad("B22", 400, {"presence_penalty": 2.1}, param="presence_penalty"),
    Bad("B22", 400, {"frequency_penalty": -2.1}, param="frequency_penalty"),
    Bad("B22", 400, {"n": 0}, param="n"),
    Bad("B22", 400, {"n": 1000}, param="n"),
    Bad("B22", 400, {"seed": 2**63}, param="seed"),
    Bad("B23", 400, {"max_tokens": 0}, param="max_tokens"),
    Bad("B23", 400, {"max_tokens": -1}, param="max_tokens"),
    Bad("B23", 400, {"max_tokens": 1.5}, param="max_tokens"),
    Bad("B23", 400, {"max_tokens": 10**9}, param="max_tokens"),
    Bad("B24", 400, {"max_tokens": 4001}, param="max_tokens", only="api"),
    Bad("B26", 404, {"provider": "nobody"}, only="api"),
    Bad("B26", 404, {"model": "a-status-404"}),
    Bad("B27", 400, {"model": "m" * 10_000}, param="model"),
    Bad("B27", 400, {"model": "a/../b"}, param="model"),
    Bad("B27", 400, {"model": "a\r\nX-Inj: 1"}, param="model"),
    Bad("B28", 400, {"colour": "blue"}, param="colour", only="api"),
    Bad("B28", 400, {"api_base": "http://evil.example"}, param="api_base"),
    Bad("B28", 400, {"base_url": "http://evil.example"}, param="base_url"),
    Bad("B28", 400, {"api_key": "sk-x"}, param="api_key"),
    Bad("B28", 400, {"headers": {"x": "y"}}, param="headers"),
    Bad("B28", 400, {"extra_body": {"x": "y"}}, param="extra_body"),
    Bad("B29", 400, {"messages": "Hello"}, param="messages"),
    Bad("B29", 400, {"messages": [17]}, param="messages[0]"),
    Bad("B29", 400, raw=b"[]"),
    Bad("B29", 400, raw=b"null"),
    Bad("B29", 400, {"stop": {"a": 1}}, param="stop"),
    Bad("B30", 400, raw=TOO_DEEP),
    Bad("B30", 400, raw=_raw(b'"stop":' + b"[" * 80 + b"]" * 80)),
    Bad("B31", 400, raw=_raw(b'"seed":1,"seed":2')),
    Bad("B31", 400, raw=_raw(rb'"seed":1,"\u0073eed":2')),
    Bad("B32", 400, raw=_raw(b'"seed":' + b"9" * 5_000)),
    Bad("B32", 400, raw=_raw(b'"seed":18446744073709551616')),
    Bad("B32", 400, raw=_raw(b'"temperature":1e400')),
    Bad("B33", 400, raw=b"{"),
    Bad("B33", 400, raw=b""),
    Bad("B33", 400, raw=_raw(b'"seed":1,')),
    Bad("B33", 400, raw=b"\xef\xbb\xbf" + _raw(b'"seed":1')),
    Bad("B33", 400, raw=_raw(b'"seed":1').decode().encode("utf-16")),
    Bad("B34", 415, headers={"content-type": "text/plain"}),
    Bad("B34", 415, headers={"content-type": None}),
    Bad("B34", 415, headers={"content-encoding": "gzip"}),
    Bad("B35", 415, headers={"content-type": "application/x-www-form-urlencoded"}),
    Bad("B35", 415, headers={"content-type": "multipart/form-data; boundary=x"}),
    Bad("B61", 400, {"stream": "yes"}, param="stream"),
    Bad("B61", 400, {"stream": 1}, param="stream"),
]

KEYLESS: list[list[tuple[str, str]]] = [
    [],
    [("authorization", "Bearer")],
    [("authorization", "Basic dGVzdHM6dGVzdHM=")],
    [("authorization", "Bearer ' OR 1=1--")],
    [("authorization", "Bearer sk-cond-" + "x" * 43)],
    [("authorization", "Bearer " + "x" * 60_000)],
    [("authorization", "Bearer {token}"), ("authorization", "Bearer {token}")],
    [("authorization", "Bearer {token}"), ("x-api-key", "another-key-of-somebody")],
    [("x-api-key", "{token}"), ("x-api-key", "{token}")],
    [("x-api-key", "")],
    [("x-api-key", "x y")],
    [("authorization", "{token}")],
]
"""B38: headers that let nobody in; `{token}` stands for a key that is good."""

NOWHERE = [
    "/api",
    "/api/",
    "/api/chat/",
    "/api//chat",
    "//api/chat",
    "/API/chat",
    "/api/%2e%2e/chat",
    "/api/../api/nope",
    "/api/chat;x=1",
    "/api/nope",
    "/v1/nope",
    "//v1/models",
    "/v1;/models",
    "/metrics/",
]
"""B39: addresses where there is nothing."""


def changed(body: dict[str, Any], row: Bad) -> dict[str, Any]:
    """A good body with one thing wrong."""
    merged = {**body, **row.fields}
    return {name: value for name, value in merged.items() if value is not MISSING}
