"""Gemini, over google-generativeai with its REST transport in threads of its own.

The SDK is imported at the first call. It builds and sends the requests. Its answers are read from their bytes, for its
own reading drops error objects inside a stream, the mark of thinking parts and reasons it does not know, and shows each
chunk one late. Its retries, of ten minutes, are off. It knows no seed, so `Prompt.seed` is left out.
"""

from __future__ import annotations

import asyncio
import itertools
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from conductor_core.errors import ProviderError
from conductor_core.models import MessageRole
from conductor_core.prompt import ImagePart, Part, Prompt, TextPart
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.faults import (
    Faults,
    SilenceTimeout,
    TotalTimeout,
    Unreachable,
    looks_like_page,
)
from conductor_core.providers.gemini_answer import AnswerReader, json_objects
from conductor_core.providers.wire import WHOLE_ANSWER_FACTOR, Target, Wire
from conductor_core.settings import Settings

if TYPE_CHECKING:
    from conductor_core.providers.gemini_session import Call

Result = TypeVar("Result")

CALLS_AT_ONCE = 32
"""Threads, each with one call; more calls wait for one of them inside their own deadline."""

_SPEAKERS = {MessageRole.SYSTEM: "Context", MessageRole.USER: "User", MessageRole.ASSISTANT: "Assistant"}


@dataclass(frozen=True, slots=True)
class _SDK:
    """The SDK on a session of ours: its two clients and its messages."""

    answers: Any
    models: Any
    protos: Any
    close: Callable[[], None]


class GeminiProvider(BaseProvider):
    """Google's Gemini and Gemma models.

    Args:
        wire: gives the address rules, the redactor and the sentences all providers share; nothing is sent over it.
        settings: deadlines and the limit of an answer's size.
    """

    def __init__(
        self, vendor: Vendor, endpoint: Endpoint, wire: Wire, settings: Settings, default_model: str | None = None
    ) -> None:
        super().__init__(vendor, endpoint, default_model)
        self._wire = wire
        self._settings = settings
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix=f"{vendor.name}-call")
        self._calls: set[Call] = set()
        self._handing_over = Lock()
        self._opening = Lock()
        self._sdk: _SDK | None = None

    async def prepare(self) -> None:
        """Imports the SDK, which takes up to a second."""
        await self._open()

    async def chat_completion(self, prompt: Prompt) -> Completion:
        model, faults = self._prepare(prompt)

        def ask(sdk: _SDK, call: Call) -> Chunk:
            from google.protobuf.json_format import ParseError

            with suppress(ParseError):  # what the SDK can't read is read here, or told as unreadable
                sdk.answers.generate_content(_request(sdk, model, prompt), retry=None, timeout=None)
            return _whole(call, faults)

        chunk = await self._ask(ask, faults, self._settings.first_byte_timeout * WHOLE_ANSWER_FACTOR)
        return Completion(chunk.text, chunk.model or model, chunk.finish_reason, chunk.usage, chunk.thinking)

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        model, faults = self._prepare(prompt)
        sdk = await self._open()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.total_timeout
        chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()  # bounded by the size limit of an answer

        def ask(sdk: _SDK, call: Call) -> None:
            sdk.answers.stream_generate_content(_request(sdk, model, prompt), retry=None, timeout=None)
            for chunk in _chunks(call, faults):
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

        call, done = self._begin(sdk, ask, faults, self._settings.first_byte_timeout)
        done.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await _before(deadline, chunks.get(), faults)) is not None:
                yield chunk
            await done
        finally:
            self._end(call, done)

    async def get_available_models(self) -> list[str]:
        """The names of the models that generate content, without `models/`."""
        self.require_configured()
        faults = self._faults("")

        def ask(sdk: _SDK, call: Call) -> list[str]:
            pages = sdk.models.list_models(sdk.protos.ListModelsRequest(page_size=1000), retry=None, timeout=None)
            able = (model for model in pages if "generateContent" in model.supported_generation_methods)
            return [model.name.removeprefix("models/") for model in able]

        return await self._ask(ask, faults, self._settings.first_byte_timeout)

    async def close(self) -> None:
        """Ends every running call at once."""
        for call in list(self._calls):
            call.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._sdk is not None:
            self._sdk.close()

    @staticmethod
    def _format_messages(prompt: Prompt) -> str:
        """A prompt as one text, for models without roles and for estimates: a line per message, led by who says it."""
        return "\n".join(f"{_SPEAKERS[message.role]}: {message.text}" for message in prompt.messages)

    @staticmethod
    def _estimate_tokens(prompt_text: str, response_text: str) -> int:
        """Tokens of a call that reported none: four characters each, and a tenth more to be on the safe side."""
        return round((len(prompt_text) + len(response_text)) / 4 * 1.1)

    @cached_property
    def _target(self) -> Target:
        return self._wire.target(self.vendor, self.endpoint, {})

    def _faults(self, model: str) -> Faults:
        return self._wire.faults(self._target, model)

    def _prepare(self, prompt: Prompt) -> tuple[str, Faults]:
        """The model's path, and what turns this call's faults into errors."""
        self.require_configured()
        name = (prompt.model or self.default_model or "").removeprefix("models/")
        faults = self._faults(name)
        if "/" in name.removeprefix("tunedModels/"):  # the SDK has no address for it
            raise faults.of_event({"error": {"code": 404}})
        return name, faults

    async def _open(self) -> _SDK:
        """The SDK, imported at the first call in a thread, for it takes a second."""
        if self._sdk is None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._open_once)
        assert self._sdk is not None
        return self._sdk

    def _open_once(self) -> None:
        with self._opening:
            if self._sdk is None:
                key = self.endpoint.key
                self._sdk = _open_sdk(self.endpoint.base_url, key.reveal() if key else None)

    async def _ask(self, ask: Callable[[_SDK, Call], Result], faults: Faults, longest: float) -> Result:
        """One call whose answer comes as a whole, within `longest` seconds."""
        sdk = await self._open()
        longest = min(longest, self._settings.total_timeout)
        deadline = asyncio.get_running_loop().time() + longest
        call, done = self._begin(sdk, ask, faults, longest)
        try:
            return await _before(deadline, asyncio.shield(done), faults)
        finally:
            self._end(call, done)

    def _begin(
        self, sdk: _SDK, ask: Callable[[_SDK, Call], Result], faults: Faults, patience: float
    ) -> tuple[Call, asyncio.Future[Result]]:
        from conductor_core.providers.gemini_session import Call, Limits

        settings = self._settings
        limits = Limits(
            settings.connect_timeout, settings.silence_timeout, settings.max_answer_bytes, self.endpoint.trusted
        )
        call = Call(self._handing_over, limits, patience)
        self._calls.add(call)
        loop = asyncio.get_running_loop()
        return call, loop.run_in_executor(self._threads, _run, call, lambda: ask(sdk, call), faults)

    def _end(self, call: Call, done: asyncio.Future[Any]) -> None:
        """Ends a call wherever it stands: its thread can't be cancelled, but its socket can be shut."""
        self._calls.discard(call)
        if not done.done():
            call.stop()
            done.cancel()


def _open_sdk(base_url: str, key: str | None) -> _SDK:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "deprecated": the user named this SDK, and it is pinned
        from google.generativeai import protos
    from google.ai import generativelanguage_v1beta as service
    from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
        GenerativeServiceRestTransport,
    )
    from google.ai.generativelanguage_v1beta.services.model_service.transports import ModelServiceRestTransport
    from google.auth.credentials import AnonymousCredentials

    from conductor_core.providers.gemini_session import tame

    host = base_url.rstrip("/")
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is typed in part; the session has the key
    answers: Any = GenerativeServiceRestTransport(host=host, credentials=nobody)
    models: Any = ModelServiceRestTransport(host=host, credentials=nobody)
    for transport in (answers, models):
        tame(transport._session, key, CALLS_AT_ONCE)

    def close() -> None:
        answers.close()
        models.close()

    return _SDK(
        service.GenerativeServiceClient(transport=answers), service.ModelServiceClient(transport=models), protos, close
    )


def _run(call: Call, ask: Callable[[], Result], faults: Faults) -> Result:
    """One call in its thread, every fault of the SDK and of its transport turned into a `ProviderError`."""
    from google.protobuf.json_format import ParseError

    from conductor_core.providers.gemini_session import READ_FAULTS, Refused, Stopped, TooLong, running

    running.set(call)
    try:
        return ask()
    except READ_FAULTS as error:
        raise _cut(call, error, faults) from error
    except Refused as error:
        raise faults.of_status(error.status, error.headers, error.body) from error
    except (Stopped, Unreachable) as error:
        raise faults.of_exception(error, answering=False) from error
    except ParseError as error:
        raise _unreadable(call, faults) from error
    except TooLong as error:
        raise faults.too_long(call.limits.answer_bytes, streamed=call.streamed) from error
    finally:
        call.end()


def _cut(call: Call, error: Exception, faults: Faults) -> ProviderError:
    from conductor_core.providers.gemini_session import TIMEOUTS

    if not isinstance(error, TIMEOUTS):
        return faults.of_exception(error, answering=call.answering)
    return faults.of_exception(SilenceTimeout(), answering=True) if call.answering else faults.no_first_byte()


def _unreadable(call: Call, faults: Faults) -> ProviderError:
    return faults.web_page() if looks_like_page(call.content_type, call.body) else faults.unreadable()


async def _before(deadline: float, awaited: Awaitable[Result], faults: Faults) -> Result:
    """What `awaited` gives, if it does so in time."""
    try:
        async with asyncio.timeout_at(deadline):
            return await awaited
    except TimeoutError as error:
        raise faults.of_exception(TotalTimeout(), answering=True) from error


def _request(sdk: _SDK, model: str, prompt: Prompt) -> Any:
    """A request in the SDK's own shape."""
    path = model if model.startswith("tunedModels/") else f"models/{model}"
    system, contents = _contents(model, prompt)
    config = sdk.protos.GenerationConfig(
        candidate_count=1,
        stop_sequences=prompt.stop,
        max_output_tokens=prompt.max_tokens,
        temperature=prompt.temperature,
        top_p=0.8 if prompt.top_p is None else prompt.top_p,
        top_k=10 if prompt.top_k is None else prompt.top_k,
        response_mime_type="application/json" if prompt.answer_format else None,
    )
    return sdk.protos.GenerateContentRequest(
        model=path,
        contents=contents,
        generation_config=config,
        system_instruction={"parts": [{"text": system}]} if system else None,
    )


def _contents(model: str, prompt: Prompt) -> tuple[str, list[dict[str, Any]]]:
    """The system instruction and the turns, several in a row of one role as one turn of several parts.

    Gemma takes neither roles nor a system instruction: it gets one text. A prompt of nothing but a system message is
    said by the user, for the API wants at least one turn.
    """
    if model.startswith("gemma"):
        images = [image for message in prompt.messages for image in message.images]
        return "", [_turn("user", *images, TextPart(GeminiProvider._format_messages(prompt)))]
    system = "\n\n".join(message.text for message in prompt.messages if message.role is MessageRole.SYSTEM)
    turns: list[dict[str, Any]] = []
    for message in prompt.messages:
        if message.role is MessageRole.SYSTEM:
            continue
        turn = _turn("model" if message.role is MessageRole.ASSISTANT else "user", *message.parts)
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1]["parts"] += turn["parts"]
        else:
            turns.append(turn)
    return (system, turns) if turns else ("", [_turn("user", TextPart(system))])


def _turn(role: str, *parts: Part) -> dict[str, Any]:
    return {"role": role, "parts": [_part(part) for part in parts]}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"inline_data": {"mime_type": part.media_type, "data": part.data}}
    assert isinstance(part, TextPart)  # its vendor lacks tools: a prompt that holds some never comes here
    return {"text": part.text}


def _chunks(call: Call, faults: Faults) -> Iterator[Chunk]:
    """The chunks of a streamed answer, read in its thread as they arrive.

    Raises:
        ProviderError: an error object among them, an unreadable end, or an end that gives no reason.
    """
    from conductor_core.providers.gemini_session import READ_FAULTS

    reader = AnswerReader(faults)
    try:
        for raw in json_objects(_not_a_page(call, faults)):
            if chunk := reader.read(raw):
                yield chunk
    except READ_FAULTS:
        if not reader.finished:
            raise
    if rest := reader.end():
        yield rest


def _not_a_page(call: Call, faults: Faults) -> Iterator[bytes]:
    pieces = call.pieces()
    first = next(pieces, b"")
    if looks_like_page(call.content_type, first):
        raise faults.web_page()
    return itertools.chain((first,), pieces)


def _whole(call: Call, faults: Faults) -> Chunk:
    """An answer that came as one object.

    Raises:
        ProviderError: it is an error object, or says nothing.
    """
    if looks_like_page(call.content_type, call.body):
        raise faults.web_page()
    chunk = AnswerReader(faults).read(call.body)
    if chunk is None:
        raise _unreadable(call, faults)
    return chunk
