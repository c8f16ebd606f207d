"""Which models each provider offers: asked once in a while, in the background, never billed."""

from __future__ import annotations

import asyncio
import time

import structlog

from conductor_core.errors import ConductorError
from conductor_core.providers import Registry

FRESH_SECONDS = 600.0

_log = structlog.get_logger()


class Catalog:
    """The model lists of all providers, as far as known. `known` may be called from any thread."""

    def __init__(self, providers: Registry, loop: asyncio.AbstractEventLoop) -> None:
        self._providers = providers
        self._loop = loop
        self._lists: dict[str, list[str]] = {}
        self._asked_at: dict[str, float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def known(self, provider: str) -> list[str]:
        """The models known so far, the default one first; asks for the rest in the background when that is due."""
        asked = self._providers.get(provider)
        if asked.configured and time.monotonic() - self._asked_at.get(provider, -FRESH_SECONDS) >= FRESH_SECONDS:
            self._asked_at[provider] = time.monotonic()
            self._loop.call_soon_threadsafe(self._begin, provider)
        default = [asked.default_model] if asked.default_model else []
        return default + [name for name in self._lists.get(provider, []) if name not in default]

    def forget(self) -> None:
        """Asks everybody again next time: a key or an address has changed."""
        self._asked_at.clear()
        self._lists.clear()

    async def ask(self, provider: str) -> list[str]:
        """The models a provider lists now; on the loop.

        Raises:
            UnknownProvider, NotConfigured, ProviderError.
        """
        self._asked_at[provider] = time.monotonic()
        asked = self._providers.get(provider)
        models = await asked.get_available_models()
        if self._providers.get(provider) is asked:  # else its key or address changed meanwhile
            self._lists[provider] = models
        return models

    async def complete(self, seconds: float) -> None:
        """Asks whoever was not asked yet or not lately, and waits for them, but not longer than so many seconds."""
        for provider in self._providers.available():
            self.known(provider.name)
        await asyncio.sleep(0)  # they are begun on the loop's next turn
        if self._asking:
            await asyncio.wait(self._asking, timeout=seconds)

    async def close(self) -> None:
        """Ends what is still being asked."""
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _begin(self, provider: str) -> None:
        task = self._loop.create_task(self._refresh(provider))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _refresh(self, provider: str) -> None:
        try:
            await self.ask(provider)
        except ConductorError as error:
            _log.warning("models not listed", provider=provider, reason=str(error))
