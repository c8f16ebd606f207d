"""The local models: SmolLM2 and the user's own GGUF files, each served by a child process that speaks OpenAI's dialect.

A native crash, a lack of memory or a stuck computation stays in the child; this process only sees a closed connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cached_property

from conductor_core.errors import ProviderError
from conductor_core.kinds import Outcome
from conductor_core.prompt import Message, Prompt
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.local_models import Installation, LocalModel
from conductor_core.providers.local_pool import AllBusy, LocalPool
from conductor_core.providers.local_process import LocalProcess, ModelStopped
from conductor_core.providers.local_server import WINDOW
from conductor_core.providers.openai_provider import OpenAIProvider
from conductor_core.providers.wire import Target, Wire
from conductor_core.settings import Settings

_SEEDS = 2**32 - 1
"""The engine's seeds have 32 bits, and the last of them means "any"."""

_DEATH_SHOWS_WITHIN = 1.0
"""Seconds between a child's closed connection and the system's word that it has died."""


class _ServedModel(OpenAIProvider):
    """One child's port, with a connection per call: it promises to keep them and drops them after a stream."""

    @cached_property
    def _target(self) -> Target:
        assert self.endpoint.key is not None
        headers = {"Authorization": f"Bearer {self.endpoint.key.reveal()}", "Connection": "close"}
        return self._wire.target(self.vendor, self.endpoint, headers)


class LocalProvider(BaseProvider):
    """Models that run on this machine, loaded when first used.

    Args:
        wire: the HTTP client all providers share.
        settings: the user's own models, threads, deadlines.
        default_model: used when a prompt names none; without one, the embedded model, else the first there is.
        installation: what this machine has; looked up when not given.
        pool: where models are loaded; made from the settings when not given.
    """

    def __init__(
        self,
        vendor: Vendor,
        endpoint: Endpoint,
        wire: Wire,
        settings: Settings,
        default_model: str | None = None,
        *,
        installation: Installation | None = None,
        pool: LocalPool | None = None,
    ) -> None:
        super().__init__(vendor, endpoint, default_model)
        self._wire = wire.patient()  # four long prompts are read one after the other
        self._own_models = settings.local_models
        self._installation = installation or Installation.here()
        self._pool = pool or LocalPool(settings.local_threads, settings.first_byte_timeout)
        self._models: dict[str, LocalModel] = {}
        self._served = replace(vendor, dialect="openai", takes_top_k=True)
        self.unavailable = self._installation.obstacle(self._own_models)

    @property
    def loading_since(self) -> float | None:
        """Since when (monotonic seconds) a model has been loading; None when none is."""
        return self._pool.loading_since

    def context_window(self, model: str | None = None) -> int:
        """How many tokens prompt and answer may have together; as the model says once it was loaded."""
        process = self._pool.process(model or self.default_model or "")
        return process.window if process else WINDOW

    async def chat_completion(self, prompt: Prompt) -> Completion:
        async with self._serving(prompt) as (server, asked):
            return await server.chat_completion(asked)

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        async with self._serving(prompt) as (server, asked), aclosing(server.stream_completion(asked)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def get_available_models(self) -> list[str]:
        """The names of the models there are; starts none."""
        self.require_configured()
        found = await asyncio.to_thread(self._installation.models, self._own_models)
        self._models = {model.name: model for model in found}
        return list(self._models)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def _serving(self, prompt: Prompt) -> AsyncIterator[tuple[OpenAIProvider, Prompt]]:
        """The loaded model as a provider of its own, and the prompt as that one is to get it.

        Raises:
            NotConfigured, ProviderError: also what the server raises inside, in words that fit a local model.
        """
        self.require_configured()
        model = await self._model(prompt.model)
        with self._worded_for(model):
            async with self._pool.lease(model) as process:
                server = _ServedModel(self._served, Endpoint(f"{process.address}/v1", process.key), self._wire)
                try:
                    yield server, _made_inert(replace(prompt, model=model.name), process)
                except ProviderError as error:
                    raise await self._explained(error, process) from error

    async def _model(self, name: str | None) -> LocalModel:
        """The model of that name, or the default one; folders are looked through again for a name not seen yet."""
        wanted = name or self.default_model or ""
        if wanted not in self._models:
            await self.get_available_models()
        if wanted not in self._models and name is None:
            wanted = next(iter(self._models), "")
        if wanted not in self._models:
            known = ", ".join(self._models) or "none; check CONDUCTOR_LOCAL_MODELS"
            raise self._fault(Outcome.NOT_FOUND, f"There is no local model named {wanted[:40]!r}. There is: {known}.")
        return self._models[wanted]

    @contextmanager
    def _worded_for(self, model: LocalModel) -> Iterator[None]:
        """Turns what the pool raises into the sentence people read."""
        try:
            yield
        except ModelStopped as error:
            sentence = f"The local model {model.name} could not be started: {error}. Retry or use another provider."
            raise self._fault(Outcome.UNAVAILABLE, sentence) from error
        except AllBusy as error:
            sentence = (
                f"There is no room to load {model.name}: the loaded local models are all busy. Retry in a moment."
            )
            raise self._fault(Outcome.OVERLOADED, sentence) from error

    async def _explained(self, error: ProviderError, process: LocalProcess) -> ProviderError:
        if error.kind is Outcome.TOO_LARGE:
            sentence = (
                f"This conversation does not fit the local model's window of {process.window} tokens. "
                "Start a new chat, or drop the oldest turns."
            )
            return self._fault(Outcome.TOO_LARGE, sentence, status=error.status, detail=error.detail)
        if await process.ended(within=_DEATH_SHOWS_WITHIN if error.status is None else 0.0):
            sentence = f"The local model stopped ({process.cause}). Retry: it is started again."
            return self._fault(Outcome.CONNECTION, sentence, detail=process.last_words)
        return error

    def _fault(self, kind: Outcome, sentence: str, *, status: int | None = None, detail: str = "") -> ProviderError:
        return ProviderError(sentence, provider=self.name, kind=kind, status=status, detail=detail)


def _made_inert(prompt: Prompt, process: LocalProcess) -> Prompt:
    """`prompt` with every control token in its texts made plain text, and a seed the engine takes."""
    messages = tuple(Message.of(message.role, process.made_inert(message.text)) for message in prompt.messages)
    return replace(prompt, messages=messages, seed=None if prompt.seed is None else prompt.seed % _SEEDS)
