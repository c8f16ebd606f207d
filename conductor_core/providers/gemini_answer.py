"""Reads Gemini's answers: the objects of a streamed JSON array, and what each of them says."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason
from conductor_core.pricing import Usage
from conductor_core.providers.base import Chunk
from conductor_core.providers.faults import Faults
from conductor_core.providers.sse import SurrogateJoiner

_MALFORMED_ALLOWED = 3
_FINISH_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.SAFETY,
    "RECITATION": FinishReason.RECITATION,
    "BLOCKLIST": FinishReason.SAFETY,
    "PROHIBITED_CONTENT": FinishReason.SAFETY,
    "SPII": FinishReason.SAFETY,
    "IMAGE_SAFETY": FinishReason.SAFETY,
}
"""All others there are, and all to come, are `OTHER`."""
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 7: "BLOCKLIST", 8: "PROHIBITED_CONTENT"}
_NUMBERED |= {9: "SPII", 11: "IMAGE_SAFETY"}
_UNSPECIFIED = (None, 0, "", "FINISH_REASON_UNSPECIFIED")

_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')

_log = logging.getLogger(__name__)


class AnswerReader:
    """Reads the objects of one answer into chunks, and remembers what its end is judged by.

    Attributes:
        finished: whether it said why it ended.
    """

    def __init__(self, faults: Faults) -> None:
        self.finished = False
        self._faults = faults
        self._answer = SurrogateJoiner()
        self._thinking = SurrogateJoiner()
        self._objects = 0
        self._malformed = 0
        self._last_malformed = False

    def read(self, raw: bytes) -> Chunk | None:
        """The chunk an object holds, if it holds anything; up to three unreadable ones are skipped.

        Raises:
            ProviderError: it is an error object, of another dialect, or one unreadable too many.
        """
        self._objects += 1
        try:
            event = _parsed(raw)
        except (ValueError, RecursionError) as error:
            self._malformed += 1
            self._last_malformed = True
            _log.warning("skipped a malformed object, number %d of its answer", self._malformed)
            if self._malformed > _MALFORMED_ALLOWED:
                raise self._faults.too_malformed() from error
            return None
        self._last_malformed = False
        try:
            if event.get("error"):
                raise self._faults.of_event(event)
            return self._chunk(event)
        except (AttributeError, LookupError, TypeError) as error:
            raise self._faults.unknown_shape() from error

    def end(self) -> Chunk | None:
        """What the end of the answer still owes: half a character.

        Raises:
            ProviderError: the end came too early.
        """
        if not self.finished:
            raise self._too_early()
        text, thinking = self._answer.flush(), self._thinking.flush()
        return Chunk(text, thinking) if text or thinking else None

    def _too_early(self) -> ProviderError:
        if self._last_malformed:
            return self._faults.broken_off()
        if not self._objects:
            return self._faults.unreadable()
        return self._faults.no_reason()

    def _chunk(self, event: dict[str, Any]) -> Chunk | None:
        text, thinking, reason = "", "", None
        candidates = event.get("candidates")
        if candidates:
            text, thinking = _parts(candidates[0].get("content") or {})
            reason = _finish_reason(candidates[0].get("finishReason"))
        elif (event.get("promptFeedback") or {}).get("blockReason"):
            reason = FinishReason.SAFETY
        self.finished = self.finished or reason is not None
        text, thinking = self._answer.feed(text), self._thinking.feed(thinking)
        usage = _usage(event.get("usageMetadata") or {})
        if text or thinking or reason or usage:
            return Chunk(text, thinking, reason, usage, event.get("modelVersion"))
        return None


def json_objects(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The objects of a streamed JSON array, each as soon as its last byte is here, in linear time.

    What an end leaves incomplete comes last, as it is.
    """
    scanner = _Scanner()
    for piece in pieces:
        yield from scanner.feed(piece)
    if rest := scanner.rest():
        yield rest


class _Scanner:
    """Finds where objects begin and end. Works on bytes: no byte of a longer UTF-8 character looks like a bracket."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._depth = 0
        self._in_string = False
        self._skip = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        start, position = 0, self._skip
        self._skip = max(position - len(piece), 0)
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(piece, position):
            position = found.end()
            match found[0]:
                case b'"':
                    self._in_string = self._depth > 0 and not self._in_string
                case b"\\":
                    position += 1
                    self._skip = max(position - len(piece), 0)
                case b"{":
                    start = found.start() if self._depth == 0 else start
                    self._depth += 1
                case b"}" if self._depth:
                    self._depth -= 1
                    if self._depth == 0:
                        yield b"".join((*self._parts, piece[start:position]))
                        self._parts.clear()
        if self._depth:
            self._parts.append(piece[start:])

    def rest(self) -> bytes:
        return b"".join(self._parts)


def _parsed(raw: bytes) -> Any:
    """JSON; with a second reading for what orjson refuses and Python's own parser takes: half a surrogate pair."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)


def _parts(content: dict[str, Any]) -> tuple[str, str]:
    """Text and thinking of one candidate's parts; parts of other kinds hold neither."""
    text = thinking = ""
    for part in content.get("parts") or ():
        if part.get("thought"):
            thinking += part.get("text") or ""
        else:
            text += part.get("text") or ""
    return text, thinking


def _finish_reason(given: Any) -> FinishReason | None:
    """By number, as the SDK asks for reasons, or by name, as some servers answer all the same."""
    if given in _UNSPECIFIED:
        return None
    return _FINISH_REASONS.get(_NUMBERED.get(given, given), FinishReason.OTHER)


def _usage(counts: dict[str, Any]) -> Usage | None:
    """Tokens as the server counted them. Thinking is what the total has beyond prompt and answer."""
    prompt, total = counts.get("promptTokenCount"), counts.get("totalTokenCount")
    if not isinstance(prompt, int):
        return None
    answer = counts.get("candidatesTokenCount") or 0
    thinking = max(total - prompt - answer, 0) if isinstance(total, int) else counts.get("thoughtsTokenCount") or 0
    return Usage(prompt, answer + thinking, thinking)
