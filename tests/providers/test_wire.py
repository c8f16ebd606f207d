"""The HTTP client: deadlines, limits, guards, and a sentence for every fault of the way."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import Outcome
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.providers.base import Endpoint, Vendor
from conductor_core.providers.openai_provider import OpenAIProvider
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from tests.upstream import Upstream

KEY = "plain-key-without-a-shape-0123456789"
CERTIFICATE = Path(__file__).with_name("self-signed.pem")
VENDOR = Vendor("acme", "Acme", "openai", base_url_variable="ACME_BASE_URL")

Opener = Callable[..., OpenAIProvider]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def reach() -> AsyncIterator[Opener]:
    """Builds a provider at a base URL, with the settings given."""
    wires: list[Wire] = []

    def build(base_url: str, *, trusted: bool = True, **settings: Any) -> OpenAIProvider:
        wires.append(Wire(Settings(**settings), Redactor()))
        return OpenAIProvider(VENDOR, Endpoint(base_url, Secret(KEY), trusted), wires[-1], "any")

    yield build
    for wire in wires:
        await wire.close()


def prompt(words: str = "", text: str = "Say something.") -> Prompt:
    return Prompt((Message.of(MessageRole.USER, text),), model=f"any-{words.replace(' ', '-')}")


async def fault(provider: OpenAIProvider, words: str = "") -> ProviderError:
    """The one fault that a whole and a streamed call meet alike."""
    with pytest.raises(ProviderError) as whole:
        await provider.chat_completion(prompt(words))
    with pytest.raises(ProviderError) as streamed:
        await read(provider, words)
    assert (str(whole.value), whole.value.kind) == (str(streamed.value), streamed.value.kind)
    return whole.value


async def read(provider: OpenAIProvider, words: str, pause: float = 0.0, seen: list[int] | None = None) -> str:
    """The text of a streamed call, read with a pause after every piece, whose lengths are added to `seen`."""
    text = ""
    async with aclosing(provider.stream_completion(prompt(words))) as chunks:
        async for chunk in chunks:
            text += chunk.text
            if seen is not None:
                seen.append(len(chunk.text))
            if pause:
                await asyncio.sleep(pause)
    return text


async def test_refused(reach: Opener) -> None:
    """Where nothing listens, the sentence says so and asks whether the server was started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await fault(reach(f"http://127.0.0.1:{port}/v1"))
        by_name = await fault(reach(f"http://localhost:{port}/v1"))
    assert error.kind is Outcome.CONNECTION
    assert f"Nothing listens at 127.0.0.1:{port} for Acme" in str(error)
    assert f"Nothing listens at localhost:{port} for Acme" in str(by_name)


async def test_unknown_host(reach: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not exist is named."""
    error = await fault_with_names(reach, monkeypatch, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert error.kind is Outcome.CONNECTION
    assert "Host api.acme.example of Acme was not found" in str(error)


async def test_rebinding_host(reach: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name that leads to loopback is refused at the moment of connecting."""
    error = await fault_with_names(reach, monkeypatch, "127.0.0.1")
    assert error.kind is Outcome.CONNECTION
    assert "may not be reached at api.acme.example: loopback and private" in str(error)


async def fault_with_names(reach: Opener, monkeypatch: pytest.MonkeyPatch, answer: str | OSError) -> ProviderError:
    async def resolved(*_: object, **__: object) -> list[Any]:
        if isinstance(answer, OSError):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    return await fault(reach("http://api.acme.example/v1", trusted=False))


async def test_refuses_forbidden_addresses(reach: Opener, upstream: Upstream) -> None:
    """A base URL that is not the owner's word does not reach loopback."""
    error = await fault(reach(upstream.url + "/v1", trusted=False))
    assert error.kind is Outcome.CONNECTION
    assert "loopback and private addresses" in str(error)
    assert not upstream.requests


async def test_connect_timeout(reach: Opener) -> None:
    """A host that takes no connection is given up after the connect deadline."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        error = await fault(reach(f"http://127.0.0.1:{address[1]}/v1", connect_timeout=0.1))
        for filler in fillers:
            filler.close()
    assert error.kind is Outcome.TIMEOUT
    assert "Acme is not reachable" in str(error)


async def test_bad_certificate(reach: Opener) -> None:
    """A certificate nobody signed is never accepted, and the reason is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        error = await fault(reach(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    assert error.kind is Outcome.CONNECTION
    assert "The certificate of Acme" in str(error)
    assert "self-signed" in str(error)


async def test_https_to_a_plain_port(reach: Opener) -> None:
    """https at a server that speaks http points at the base URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        error = await fault(reach(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    assert error.kind is Outcome.CONNECTION
    assert "Check http or https" in str(error)


async def test_not_http(reach: Opener) -> None:
    """A port where something else speaks is a bad response."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        error = await fault(reach(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    assert error.kind is Outcome.BAD_RESPONSE


async def test_hangs_up_without_an_answer(reach: Opener) -> None:
    """A connection closed before any answer is a fault of the connection, not of a stream."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        error = await fault(reach(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    assert error.kind is Outcome.CONNECTION
    assert "without an answer" in str(error)


async def test_redirects_are_not_followed(reach: Opener, upstream: Upstream) -> None:
    """The key never goes to the host a provider redirects to; the sentence names that host."""
    async with Upstream() as other:
        upstream.elsewhere = other.url.replace("http://", "http://user:secret@") + "/v1/chat/completions?token=1"
        error = await fault(reach(upstream.url + "/v1"), "redirect")
        assert not other.connections
    assert error.kind is Outcome.BAD_RESPONSE
    assert f"Acme redirects to {other_host(upstream.elsewhere)}: fix the base URL" in str(error)
    assert "secret" not in str(error)


def other_host(url: str) -> str:
    return url.split("@")[1].split("/")[0]


async def test_ignores_proxies(reach: Opener, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment gets neither the request nor its key."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await reach(upstream.url + "/v1").get_available_models()


async def test_total_deadline(reach: Opener, upstream: Upstream) -> None:
    """A stream that drips for ever ends at its total deadline, though it is never silent."""
    provider = reach(upstream.url + "/v1", total_timeout=0.2, silence_timeout=0.15)
    began = time.monotonic()
    with pytest.raises(ProviderError, match="did not finish in time") as caught:
        await read(provider, "words-1000 gap-20")
    assert caught.value.kind is Outcome.TIMEOUT
    assert time.monotonic() - began < 1


async def test_silence_deadline(reach: Opener, upstream: Upstream) -> None:
    """A stream that falls silent ends at the silence deadline, long before the first byte's would."""
    with pytest.raises(ProviderError, match="stopped answering") as caught:
        await read(reach(upstream.url + "/v1", silence_timeout=0.1), "stall-2")
    assert caught.value.kind is Outcome.TIMEOUT


async def test_a_slow_reader_is_not_silence(reach: Opener, upstream: Upstream) -> None:
    """Time the reader takes for itself does not count as the provider's silence."""
    assert await read(reach(upstream.url + "/v1", silence_timeout=0.05), "words-4 gap-10", pause=0.08)


async def test_a_slow_first_byte_is_not_silence(reach: Opener, upstream: Upstream) -> None:
    """Before the first byte only its own deadline counts, for a whole answer four times as long."""
    provider = reach(upstream.url + "/v1", silence_timeout=0.05, first_byte_timeout=0.4)
    assert await read(provider, "delay-150")
    assert (await provider.chat_completion(prompt("delay-600"))).text


async def test_limits_a_streamed_answer(reach: Opener, upstream: Upstream) -> None:
    """A stream is cut at the limit; what came before has been handed on, and the upstream is hung up on."""
    provider = reach(upstream.url + "/v1", max_answer_bytes=100_000)
    received: list[int] = []
    with pytest.raises(ProviderError, match=r"more than 0\.0954 MB") as caught:
        await read(provider, "words-500 big-10 gap-1", seen=received)
    assert caught.value.kind is Outcome.STREAM_CUT
    assert 50_000 < sum(received) <= 100_000
    await asyncio.wait_for(upstream.last.hung_up.wait(), 0.3)


@pytest.mark.parametrize("words", ["words-20 big-10", "words-20 big-10 status-500"])
async def test_limits_a_whole_answer(reach: Opener, upstream: Upstream, words: str) -> None:
    """A whole answer above the limit is not read into memory."""
    provider = reach(upstream.url + "/v1", max_answer_bytes=100_000)
    with pytest.raises(ProviderError) as caught:
        await provider.chat_completion(prompt(words))
    assert caught.value.kind in (Outcome.BAD_RESPONSE, Outcome.SERVER_ERROR)


async def test_a_lingering_server(reach: Opener, upstream: Upstream) -> None:
    """An answer ends with its last event, though the server keeps the connection open."""
    began = time.monotonic()
    assert await read(reach(upstream.url + "/v1"), "words-2 hang")
    assert time.monotonic() - began < 1
    await asyncio.wait_for(upstream.last.hung_up.wait(), 1)


async def test_malformed_events_are_logged_without_content(
    reach: Opener, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """A skipped event leaves a warning that holds nothing of it."""
    with caplog.at_level(logging.WARNING):
        await read(reach(upstream.url + "/v1"), "bad-1")
    assert [record.message for record in caplog.records] == ["skipped a malformed event, number 1 of its stream"]


async def test_carries_a_large_prompt(reach: Opener, upstream: Upstream) -> None:
    """A prompt of some megabytes goes out whole."""
    text = "é" * 1_500_000
    await reach(upstream.url + "/v1").chat_completion(prompt(text=text))
    assert upstream.last.body["messages"][0]["content"] == text


@pytest.mark.parametrize(
    "raw",
    [b"", b"nothing", b"[" * 100_000, b'{"n": NaN}', b'{"n": ' + b"9" * 5000 + b"}", b"\xff\xfe", b'"text"', b"\0"],
    ids=["empty", "prose", "deep", "nan", "digits", "bytes", "string", "nul"],
)
async def test_hostile_bodies(reach: Opener, raw: bytes) -> None:
    """Whatever a body holds, it is a bad response and nothing worse, streamed or not."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + raw)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        provider = reach(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        with pytest.raises(ProviderError) as whole:
            await provider.chat_completion(prompt())
        with pytest.raises(ProviderError) as streamed:
            await read(provider, "")
    assert whole.value.kind is Outcome.BAD_RESPONSE
    assert streamed.value.kind is Outcome.BAD_RESPONSE


async def test_leaves_nothing_open(reach: Opener, upstream: Upstream) -> None:
    """Fifty streams stopped at once leave not one connection behind."""
    provider = reach(upstream.url + "/v1")
    tasks = [asyncio.create_task(read(provider, "stall-2")) for _ in range(50)]
    while len(upstream.requests) < 50:
        await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*(asyncio.wait_for(received.hung_up.wait(), 1) for received in upstream.requests))
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}


async def test_many_at_once(reach: Opener, upstream: Upstream) -> None:
    """A hundred calls in flight do not wait for one another."""
    provider = reach(upstream.url + "/v1")
    began = time.monotonic()
    answers = await asyncio.gather(*(provider.chat_completion(prompt(f"delay-200 words-{n}")) for n in range(1, 101)))
    assert time.monotonic() - began < 2
    assert [answer.usage.completion_tokens for answer in answers if answer.usage] == list(range(1, 101))
