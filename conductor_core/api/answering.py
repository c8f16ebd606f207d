"""From a request of OpenAI's or Anthropic's clients to its answer: what both protocols have in common.

A protocol is a `Dialect`: it reads requests, and writes answers and the events of streams.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import orjson
from fastapi import Request as HttpRequest
from starlette.responses import Response

from conductor_core.api.asking import Asking
from conductor_core.api.body import read_json
from conductor_core.api.errors import Problem
from conductor_core.api.errors import Protocol as ErrorShape
from conductor_core.api.event_stream import EventStream
from conductor_core.api.installation import conductor_of
from conductor_core.api.model_names import Aim, aim_of
from conductor_core.api.once import idempotency_key, once
from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest
from conductor_core.metrics.call import Call
from conductor_core.prompt import Prompt
from conductor_core.providers import Chunk, Completion
from conductor_core.routing.attempt import Attempt

_FACT = "x-conductor-"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read.

    Attributes:
        model: what it names.
        prompt: for a model of that name; None: the provider's own.
        stream: whether the answer is to come as events.
        with_usage: whether these are to have its tokens.
        ignored: fields nobody looked at.
    """

    model: str
    prompt: Callable[[str | None], Prompt]
    stream: bool = False
    with_usage: bool = False
    ignored: Sequence[str] = ()


class Writer(Protocol):
    """Writes one stream's events."""

    def first(self) -> bytes:
        """What comes before the first piece."""

    def of(self, chunk: Chunk) -> bytes:
        """A piece; nothing where there is nothing to say."""

    def last(self, facts: Mapping[str, str]) -> bytes:
        """What comes after the last piece, with the facts of the whole answer."""


class Dialect(ABC):
    """How one protocol reads and writes."""

    errors: ErrorShape
    relays = False
    """Whether it is written as upstreams of OpenAI's dialect write."""

    @abstractmethod
    def read(self, body: Any) -> Asked:
        """Raises `InvalidRequest`."""

    @abstractmethod
    def whole(self, completion: Completion, call: Call) -> bytes:
        """The body of a whole answer."""

    @abstractmethod
    def events(self, attempt: Attempt, asked: Asked) -> Writer:
        """For the stream of an attempt that has its first piece."""

    @abstractmethod
    def error_event(self, error: bytes) -> bytes:
        """An error, which ends a stream."""


async def answer(dialect: Dialect, http: HttpRequest) -> Response:
    """Asks whom a request names, and answers it in its protocol.

    Raises:
        HttpError, LimitReached, StoreError, ProviderError; what the gateway refuses.
    """
    body = await read_json(http, images=True)
    asked = dialect.read(body)
    conductor = conductor_of(http)
    aim = await aim_of(asked.model, conductor)
    prompt = asked.prompt(aim.model)
    _check_window(prompt, aim, conductor)
    asking = Asking(http, aim.provider, prompt, aim.strategy)
    if asked.ignored:
        asking.visit.tell({"x-conductor-ignored": ", ".join(asked.ignored)})
    key = idempotency_key(http, stream=asked.stream)
    if key is not None:
        return await once(http, asking, key, body, partial(_whole, dialect, asking))
    if not asked.stream:
        return Response(await _whole(dialect, asking), media_type="application/json")

    def failed(problem: Problem) -> bytes:
        return dialect.error_event(orjson.dumps(dialect.errors.body(problem, asking.visit.id)))

    return EventStream(_events(dialect, asking, asked), failed, asking.facts)


async def _whole(dialect: Dialect, asking: Asking) -> bytes:
    completion = await asking.complete()
    return dialect.whole(completion, asking.asked.attempt.call)


async def _events(dialect: Dialect, asking: Asking, asked: Asked) -> AsyncGenerator[bytes, None]:
    async with aclosing(asking.stream(relay=dialect.relays)) as chunks:
        first = await anext(chunks, Chunk())
        writer = dialect.events(asking.asked.attempt, asked)
        yield writer.first() + writer.of(first)
        async for chunk in chunks:
            event = writer.of(chunk)
            if event:
                yield event
    facts = asking.facts(whole=True)
    yield writer.last({name.removeprefix(_FACT).replace("-", "_"): value for name, value in facts.items()})


def _check_window(prompt: Prompt, aim: Aim, conductor: Conductor) -> None:
    """An answer's limit above what a model has at all is a mistake.

    Raises:
        InvalidRequest: names both.
    """
    if not prompt.max_tokens or not aim.model:
        return
    window = conductor.providers.get(aim.provider).context_window(aim.model)
    if window and prompt.max_tokens > window:
        raise InvalidRequest(
            f"max_tokens: {prompt.max_tokens:,} is more than the {window:,} tokens of {aim.model}'s window.",
            "max_tokens",
        )
