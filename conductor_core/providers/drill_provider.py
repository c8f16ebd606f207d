"""A simulated provider: answers and fails in process by a seeded temperament, or as somebody watching tells it to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import Random
from zlib import crc32

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage, estimate_tokens
from conductor_core.prompt import Prompt
from conductor_core.providers.address import Target
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.drill import MODEL, OFF, TEMPERAMENTS, Behaviour, Mishap
from conductor_core.providers.faults import Faults, SilenceTimeout
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings

DRILL_URL = "http://drill.invalid"
"""Named in messages as the host, never asked: the domain is reserved for what does not exist (RFC 2606)."""

_TOLD = {
    Behaviour.USUAL: None,
    Behaviour.SLOW: None,
    Behaviour.FAILING: Mishap(503),
    Behaviour.RATE_LIMITED: Mishap(429, retry_after=20.0),
}
_SLOWER = 8.0
"""How many times slower a provider that is told to be slow answers."""

_WINDOW = 32_768
_MILLION = 1_000_000
_SENTENCES = (
    "Its delay, its speed and its price are made up, and so is every fault you will see.",
    "Every call is a row like any other, marked as a drill, so cards, charts and breaker show what they would show.",
    "Break one of the simulated providers in Settings while you ask AUTO, and watch who answers next.",
    "A provider that fails three times in a row is passed over for a while; then one real question decides.",
    "Nothing left this machine, and nothing here counts towards your real figures.",
)


class DrillProvider(BaseProvider):
    """One simulated provider. Its controls may be used from any thread.

    Attributes:
        behaviour: what it does from now on; an answer that is running breaks off when it is told to fail.
        pace: every simulated wait is multiplied by it; 0 leaves all waits out. Deadlines stay as they are set.
    """

    def __init__(
        self, vendor: Vendor, endpoint: Endpoint, settings: Settings, default_model: str | None = None
    ) -> None:
        super().__init__(vendor, endpoint, default_model)
        self.temperament = TEMPERAMENTS[vendor.name]
        self.behaviour = Behaviour.USUAL
        self.pace = 1.0
        self._settings = settings
        self._target = Target(vendor, Endpoint(DRILL_URL), {})
        self._planned: deque[Mishap | None] = deque()
        self._random = Random(crc32(vendor.name.encode()))  # noqa: S311  # dice for a play, not for a secret
        if endpoint.missing:
            self.unavailable = OFF

    def enqueue(self, *calls: Mishap | None) -> None:
        """Plans how the next calls go, one each and in order: None is a good answer. Later ones go by nature again."""
        self._planned.extend(calls)

    def reseed(self, seed: int) -> None:
        """Starts its dice anew: the same seed brings the same delays and mishaps in the same order."""
        self._random.seed(seed)

    async def chat_completion(self, prompt: Prompt) -> Completion:
        pieces, last = [], Chunk()
        async with aclosing(self.stream_completion(prompt)) as chunks:
            async for last in chunks:
                pieces.append(last.text)
        return Completion("".join(pieces), last.model or MODEL, last.finish_reason, last.usage)

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.require_configured()
        model = prompt.model or self.default_model or MODEL
        faults = Faults(self._target, model, Redactor())
        if model != MODEL:
            raise faults.of_status(404, {}, b'{"error": {"message": "There is only one simulated model."}}')
        mishap = self._fate()
        words = self._answer(prompt)
        answer = words[: prompt.max_tokens]
        first, gap = self._waits()
        if mishap and not mishap.after:
            await self._fail(mishap, faults, first)
        due = asyncio.get_running_loop().time() + first
        for place, word in enumerate(answer):
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            due += gap
            if mishap and place == mishap.after:
                await self._fail(mishap, faults, 0.0)
            if place and self.behaviour is Behaviour.FAILING:
                raise faults.broken_off()
            yield Chunk(word, model=MODEL)
        usage = Usage(estimate_tokens(prompt.characters), len(answer))
        reason = FinishReason.LENGTH if len(answer) < len(words) else FinishReason.STOP
        yield Chunk(finish_reason=reason, usage=usage, model=MODEL)

    async def get_available_models(self) -> list[str]:
        self.require_configured()
        told = _TOLD[self.behaviour]
        if told:
            await self._fail(told, Faults(self._target, "", Redactor()), 0.0)
        return [MODEL]

    def estimate_cost(self, tokens: Usage | int, model: str | None = None) -> float | None:
        prices = self.token_prices(0, model)
        if prices is None:
            return None
        if isinstance(tokens, int):
            return tokens * max(prices)
        return tokens.prompt_tokens * prices[0] + tokens.completion_tokens * prices[1]

    def token_prices(self, prompt_tokens: int, model: str | None = None) -> tuple[float, float] | None:
        """Made up, as everything here: USD per prompt and per completion token."""
        prices = self.temperament.prices
        return (prices[0] / _MILLION, prices[1] / _MILLION) if prices else None

    def context_window(self, model: str | None = None) -> int | None:
        """Made up."""
        return _WINDOW

    def _fate(self) -> Mishap | None:
        """How the next call goes: as planned, else as told, else as the dice fall."""
        if self._planned:
            return self._planned.popleft()
        told = _TOLD[self.behaviour]
        if told:
            return told
        die = self._random.random()
        for share, mishap in self.temperament.mishaps:
            if die < share:
                return mishap
            die -= share
        return None

    def _waits(self) -> tuple[float, float]:
        """Seconds to the first token, and from one token to the next."""
        slower = self.pace * (_SLOWER if self.behaviour is Behaviour.SLOW else 1.0)
        scattered = self._random.lognormvariate(0.0, self.temperament.spread)
        return slower * self.temperament.ttft_seconds * scattered, slower / self.temperament.tokens_per_second

    async def _fail(self, mishap: Mishap, faults: Faults, wait: float) -> None:
        """Waits as long as such a fault takes to show, then raises it."""
        if mishap.stalls:
            settings = self._settings
            await asyncio.sleep(settings.silence_timeout if mishap.after else settings.first_byte_timeout)
            raise faults.of_exception(SilenceTimeout(), answering=True) if mishap.after else faults.no_first_byte()
        # A refusal comes sooner than a first token would.
        await asyncio.sleep(wait / 4)
        raise self._error(mishap, faults)

    def _error(self, mishap: Mishap, faults: Faults) -> ProviderError:
        if mishap.status is None and mishap.after:
            return faults.broken_off()
        if mishap.status is None:
            label = self.vendor.label
            sentence = f"Nothing listens at drill.invalid for {label}. It is simulated: change it in Settings."
            return ProviderError(sentence, provider=self.name, kind=Outcome.CONNECTION)
        headers = {} if mishap.retry_after is None else {"Retry-After": f"{mishap.retry_after:g}"}
        return faults.of_status(mishap.status, headers, b'{"error": {"message": "This fault is simulated."}}')

    def _answer(self, prompt: Prompt) -> list[str]:
        """The answer's words, each with the space after it; a word is a token here."""
        asked = [message.text for message in prompt.messages if message.role == MessageRole.USER]
        whole = " ".join(asked[-1][:400].split()) if asked else ""
        beginning = " ".join(whole.split()[:6])[:60]
        beginning += " …" if beginning != whole else ""
        told = "\n\n".join(self._random.sample(_SENTENCES, 3))
        text = f"This answer is simulated by {self.vendor.label}; no model read your prompt “{beginning}”.\n\n{told}"
        return _words(text)


def _words(text: str) -> list[str]:
    paragraphs = [paragraph.split(" ") for paragraph in text.split("\n\n")]
    last = len(paragraphs) - 1
    return [
        word + (" " if place < len(words) - 1 else "\n\n" if number < last else "")
        for number, words in enumerate(paragraphs)
        for place, word in enumerate(words)
    ]
