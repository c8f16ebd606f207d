"""A streamed answer handed on as it came, for whoever reads OpenAI's dialect himself.

Every event is read for its facts (text, tokens, its end, an error), and its bytes go on unchanged where they are what
OpenAI itself would send. What some imitators send instead (another name for thinking, content in typed parts, half a
character) is told as any other chunk, for the reader to be written anew. So are calls of tools and all that follows
them, for imitators write those in many ways, and end them as if they were answers.
"""

from __future__ import annotations

from typing import Any

import orjson

from conductor_core.providers.base import Chunk, Raw

_KIND = "chat.completion.chunk"
_DELTA = frozenset({"role", "content", "reasoning_content", "refusal"})
_REASONS = frozenset({None, "stop", "length", "content_filter"})
_BETWEEN = b"\n\ndata: "


class Relay:
    """Gathers the events of one batch that are fit to go on as they are."""

    __slots__ = ("_calls", "_characters", "_created", "_created_mark", "_id", "_last", "_mark", "_payloads")

    def __init__(self) -> None:
        self._calls = False
        self._id: str | None = None
        self._created: int | None = None
        self._mark = self._created_mark = b""
        self._payloads: list[bytes] = []
        self._characters = 0
        self._last = Chunk()

    def take(self, event: Any, payload: bytes | None, chunk: Chunk) -> bool:
        """Whether an event goes on as it is: then it is gathered, with the facts of its chunk.

        Args:
            payload: as it came; None where it could be read only leniently.
        """
        self._calls = self._calls or bool(chunk.calls)
        if self._calls or payload is None or b"\n" in payload or not self._fits(event, payload):
            return False
        last = self._last
        self._payloads.append(payload)
        self._characters += len(chunk.text) + len(chunk.thinking)
        if chunk.finish_reason or chunk.usage or chunk.model != last.model:
            self._last = Chunk(
                finish_reason=chunk.finish_reason or last.finish_reason,
                usage=chunk.usage or last.usage,
                model=chunk.model or last.model,
            )
        return True

    def gathered(self) -> Chunk | None:
        """What was gathered since it was asked last, as one chunk."""
        if not self._payloads:
            return None
        raw = Raw(b"data: " + _BETWEEN.join(self._payloads) + b"\n\n", self._mark, self._created_mark, self._characters)
        chunk = self._last._replace(raw=raw)
        self._payloads.clear()
        self._characters, self._last = 0, Chunk(model=chunk.model)
        return chunk

    def _fits(self, event: Any, payload: bytes) -> bool:
        if event.get("object") != _KIND or (event.get("id") != self._id and not self._learn(event, payload)):
            return False
        if event.get("created") != self._created:
            return False
        choices = event.get("choices")
        if not choices or len(choices) != 1 or event.get("usage"):
            return False  # tokens are told at the end, to those who asked for them
        delta = choices[0].get("delta") or {}
        if not delta.keys() <= _DELTA or choices[0].get("finish_reason") not in _REASONS:
            return False
        content = delta.get("content")
        return content is None or type(content) is str

    def _learn(self, event: Any, payload: bytes) -> bool:
        """Finds how this stream writes its id and when it was made, so that ours can be put in their place."""
        id, created = event.get("id"), event.get("created")
        if self._id is not None or not isinstance(id, str) or not id or type(created) is not int:
            return False
        for space in (b"", b" "):
            marks = (b'"id":' + space + orjson.dumps(id), b'"created":' + space + orjson.dumps(created))
            if all(mark in payload for mark in marks):
                self._id, self._created = id, created
                self._mark, self._created_mark = marks
                return True
        return False
