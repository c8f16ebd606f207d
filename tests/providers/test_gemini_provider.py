"""What is Gemini's own; what all dialects share is held by the contract suite."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import Message, Prompt
from conductor_core.providers import VENDORS
from conductor_core.providers.base import Chunk, Endpoint
from conductor_core.providers.gemini_provider import CALLS_AT_ONCE, GeminiProvider
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from tests.gemini_upstream import GeminiUpstream, error, gemini_upstream, part
from tests.upstream import Upstream

KEY = "plain-key-without-a-shape-0123456789"
VENDOR = next(vendor for vendor in VENDORS if vendor.name == "gemini")
STOP, MAX_TOKENS, SAFETY, RECITATION, OTHER = 1, 2, 3, 4, 5
CERTIFICATE = Path(__file__).with_name("self-signed.pem")

Opener = Callable[..., GeminiProvider]


@pytest.fixture
async def upstream() -> AsyncIterator[GeminiUpstream]:
    async with gemini_upstream() as server:
        yield server


@pytest.fixture
async def reach() -> AsyncIterator[Opener]:
    """Builds a provider at a base URL, with the settings given."""
    opened: list[GeminiProvider] = []

    def build(base_url: str, *, key: str = KEY, trusted: bool = True, **settings: Any) -> GeminiProvider:
        wire = Wire(Settings(**settings), Redactor())
        opened.append(GeminiProvider(VENDOR, Endpoint(base_url, Secret(key), trusted), wire, Settings(**settings)))
        return opened[-1]

    yield build
    for provider in opened:
        await provider.close()


def prompt(text: str = "Say something.", **fields: Any) -> Prompt:
    return Prompt((Message.of(MessageRole.USER, text),), **fields)


def talk(*said: tuple[MessageRole, str], **fields: Any) -> Prompt:
    return Prompt(tuple(Message.of(role, text) for role, text in said), **fields)


async def chunks_of(provider: GeminiProvider, asked: Prompt | None = None) -> list[Chunk]:
    async with aclosing(_generator(provider.stream_completion(asked or prompt()))) as chunks:
        return [chunk async for chunk in chunks]


async def fault(provider: GeminiProvider, asked: Prompt | None = None, *, streamed: bool = True) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await (chunks_of(provider, asked) if streamed else provider.chat_completion(asked or prompt()))
    assert KEY not in f"{caught.value}{caught.value.detail}"
    return caught.value


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def ending(provider: GeminiProvider, *, streamed: bool) -> tuple[str, FinishReason | None, Usage | None]:
    """Text, reason and usage, however they came."""
    if not streamed:
        answer = await provider.chat_completion(prompt())
        return answer.text, answer.finish_reason, answer.usage
    chunks = await chunks_of(provider)
    reasons = [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    return "".join(chunk.text for chunk in chunks), reasons[-1], usages[-1] if usages else None


def test_is_built_without_its_sdk() -> None:
    """Building the whole registry, keys set, imports neither the SDK nor what it brings."""
    script = (
        "import sys\n"
        "from conductor_core.providers import Registry\n"
        "from conductor_core.providers.wire import Wire\n"
        "from conductor_core.redaction import Redactor\n"
        "from conductor_core.settings import Environment, Origin, Settings\n"
        "layers = {origin: {'GEMINI_API_KEY': 'k'} for origin in Origin}\n"
        "registry = Registry(Settings(), Environment(layers), Wire(Settings(), Redactor()))\n"
        "assert 'gemini' in [provider.name for provider in registry.available()]\n"
        "heavy = ('google.generativeai', 'google.ai', 'google.api_core', 'google.protobuf', 'grpc', 'requests')\n"
        "print(*[name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


async def test_sends_roles_and_a_system_instruction(upstream: GeminiUpstream, reach: Opener) -> None:
    """System messages become the instruction, the assistant is `model`, and turns of one role become one."""
    upstream.objects = [part("x", finishReason=STOP)]
    said = talk(
        (MessageRole.SYSTEM, "Be brief."),
        (MessageRole.USER, "One"),
        (MessageRole.USER, "Two"),
        (MessageRole.ASSISTANT, "Three"),
        (MessageRole.SYSTEM, "In French."),
        (MessageRole.USER, "Four"),
    )
    await reach(upstream.url).chat_completion(said)
    body = upstream.seen[0].body
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief.\n\nIn French."}]
    assert [(turn["role"], [p["text"] for p in turn["parts"]]) for turn in body["contents"]] == [
        ("user", ["One", "Two"]),
        ("model", ["Three"]),
        ("user", ["Four"]),
    ]


async def test_says_a_lone_system_message_as_the_user(upstream: GeminiUpstream, reach: Opener) -> None:
    """A prompt of nothing but a system message is a turn, for the API refuses an empty conversation."""
    upstream.objects = [part("x", finishReason=STOP)]
    await reach(upstream.url).chat_completion(talk((MessageRole.SYSTEM, "Sing.")))
    assert upstream.seen[0].body["contents"] == [{"role": "user", "parts": [{"text": "Sing."}]}]
    assert "systemInstruction" not in upstream.seen[0].body


async def test_gives_gemma_one_text(upstream: GeminiUpstream, reach: Opener) -> None:
    """Gemma takes neither roles nor an instruction: it gets the conversation as one text."""
    upstream.objects = [part("x", finishReason=STOP)]
    said = talk((MessageRole.SYSTEM, "Be brief."), (MessageRole.USER, "Hi"), (MessageRole.ASSISTANT, "Ho"))
    await reach(upstream.url).chat_completion(Prompt(said.messages, model="gemma-3-27b-it"))
    body = upstream.seen[0].body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Context: Be brief.\nUser: Hi\nAssistant: Ho"}]}]
    assert "systemInstruction" not in body


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, {"candidateCount": 1, "topK": 10, "topP": 0.8}),
        (
            {"temperature": 0.0, "max_tokens": 7, "top_p": 0.5, "top_k": 3, "stop": ("END",), "seed": 4},
            {"candidateCount": 1, "temperature": 0.0, "maxOutputTokens": 7, "topP": 0.5, "topK": 3}
            | {"stopSequences": ["END"]},
        ),
    ],
    ids=["as it is", "as asked"],
)
async def test_sends_its_parameters(
    upstream: GeminiUpstream, reach: Opener, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    """One candidate, top_p 0.8 and top_k 10 unless the prompt says otherwise; no seed, which the SDK does not know."""
    upstream.objects = [part("x", finishReason=STOP)]
    await reach(upstream.url).chat_completion(prompt(**asked))
    assert upstream.seen[0].body["generationConfig"] == sent


def test_formats_one_text() -> None:
    """A line per message, led by who says it."""
    said = talk((MessageRole.SYSTEM, "A"), (MessageRole.USER, "B"), (MessageRole.ASSISTANT, "C"))
    assert GeminiProvider._format_messages(said) == "Context: A\nUser: B\nAssistant: C"


@pytest.mark.parametrize(("asked", "answered", "tokens"), [("", "", 0), ("x" * 40, "y" * 40, 22), ("Hello", "you", 2)])
def test_estimates_tokens(asked: str, answered: str, tokens: int) -> None:
    """Four characters a token, over both texts, and a tenth more."""
    assert GeminiProvider._estimate_tokens(asked, answered) == tokens


@both_ways
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (STOP, FinishReason.STOP),
        (MAX_TOKENS, FinishReason.LENGTH),
        (SAFETY, FinishReason.SAFETY),
        (RECITATION, FinishReason.RECITATION),
        (OTHER, FinishReason.OTHER),
        (7, FinishReason.SAFETY),
        (8, FinishReason.SAFETY),
        (9, FinishReason.SAFETY),
        (10, FinishReason.OTHER),
        (77, FinishReason.OTHER),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("REASON_OF_TOMORROW", FinishReason.OTHER),
    ],
)
async def test_passes_on_why_it_ended(
    upstream: GeminiUpstream, reach: Opener, given: int | str, reason: FinishReason, streamed: bool
) -> None:
    """Each reason reaches the caller as what it is, by number or by name; one of tomorrow is `other`."""
    upstream.objects = [part("One", finishReason=given)]
    assert await ending(reach(upstream.url), streamed=streamed) == ("One", reason, None)


@both_ways
@pytest.mark.parametrize("reason", [1, "BLOCKLIST"])
async def test_tells_a_blocked_prompt(
    upstream: GeminiUpstream, reach: Opener, reason: int | str, streamed: bool
) -> None:
    """A refused prompt is an answer without text that ended for safety, not a fault."""
    upstream.objects = [{"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 4}}]
    assert await ending(reach(upstream.url), streamed=streamed) == ("", FinishReason.SAFETY, Usage(4, 0))


@both_ways
async def test_takes_a_candidate_without_content(upstream: GeminiUpstream, reach: Opener, streamed: bool) -> None:
    """A candidate that was stopped before its first word has no content at all."""
    upstream.objects = [{"candidates": [{"finishReason": SAFETY}]}]
    assert await ending(reach(upstream.url), streamed=streamed) == ("", FinishReason.SAFETY, None)


@both_ways
async def test_counts_thinking(upstream: GeminiUpstream, reach: Opener, streamed: bool) -> None:
    """Tokens of the total that are neither prompt nor answer were thought, and are paid for."""
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 107}
    upstream.objects = [part("42", finishReason=STOP) | {"usageMetadata": counts}]
    _, _, usage = await ending(reach(upstream.url), streamed=streamed)
    assert usage == Usage(prompt_tokens=5, completion_tokens=102, thinking_tokens=100)


async def test_hands_on_each_piece_before_the_next_is_sent(upstream: GeminiUpstream, reach: Opener) -> None:
    """No chunk is one late: the server sends the next piece only once the last one was seen."""
    upstream.step = asyncio.Semaphore(1)
    upstream.objects = [part("one"), part("two"), part("three", finishReason=STOP)]
    seen = []
    async with asyncio.timeout(5):
        async for chunk in reach(upstream.url).stream_completion(prompt()):
            seen.append(chunk.text)
            upstream.step.release()
    assert seen == ["one", "two", "three"]


async def test_keeps_an_answer_that_breaks_after_its_end(upstream: GeminiUpstream, reach: Opener) -> None:
    """What breaks after the finish reason takes nothing from the answer."""
    upstream.objects = [part("All of it.", finishReason=STOP), b'{"usageMeta']
    assert await ending(reach(upstream.url), streamed=True) == ("All of it.", FinishReason.STOP, None)


@pytest.mark.parametrize("before", [[], [part("Par")]], ids=["first", "later"])
async def test_finds_the_error_the_sdk_drops(upstream: GeminiUpstream, reach: Opener, before: list[Any]) -> None:
    """An error object inside a stream of status 200 is what went wrong, with the wait it asks for."""
    upstream.objects = [*before, error(429, "RESOURCE_EXHAUSTED", {"retryDelay": "3.5s"})]
    found = await fault(reach(upstream.url))
    assert (found.kind, found.status, found.retry_after) == (Outcome.RATE_LIMITED, 429, 3.5)
    assert found.detail == "told by upstream"


async def test_finds_the_error_in_a_whole_answer(upstream: GeminiUpstream, reach: Opener) -> None:
    """An error object in place of a whole answer of status 200 is what went wrong."""
    upstream.objects = [error(503, "UNAVAILABLE")]
    assert (await fault(reach(upstream.url), streamed=False)).kind is Outcome.UNAVAILABLE


@both_ways
@pytest.mark.parametrize(
    ("status", "detail", "headers", "kind", "wait"),
    [
        (400, error(400, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}), {}, Outcome.AUTH, None),
        (400, error(400, "FAILED_PRECONDITION"), {}, Outcome.FORBIDDEN, None),
        (400, error(400, "INVALID_ARGUMENT"), {}, Outcome.BAD_REQUEST, None),
        (401, error(401, "UNAUTHENTICATED"), {}, Outcome.AUTH, None),
        (429, error(429, "RESOURCE_EXHAUSTED", {"retryDelay": "7s"}), {}, Outcome.RATE_LIMITED, 7.0),
        (503, error(503, "UNAVAILABLE"), {"Retry-After": "4"}, Outcome.UNAVAILABLE, 4.0),
    ],
)
async def test_asks_once_and_maps_the_refusal(
    upstream: GeminiUpstream,
    reach: Opener,
    status: int,
    detail: Any,
    headers: dict[str, str],
    kind: Outcome,
    wait: float | None,
    streamed: bool,
) -> None:
    """A refusal is told by status and reason after exactly one request: nothing below the router retries."""
    upstream.status, upstream.objects, upstream.headers = status, [detail], headers
    found = await fault(reach(upstream.url), streamed=streamed)
    assert (found.kind, found.status, found.retry_after) == (kind, status, wait)
    assert len(upstream.seen) == 1


async def test_has_no_address_for_a_foreign_model(upstream: GeminiUpstream, reach: Opener) -> None:
    """A name with a slash is another vendor's: told as missing, not sent."""
    found = await fault(reach(upstream.url), prompt(model="openai/gpt-4.1"))
    assert (found.kind, upstream.seen) == (Outcome.NOT_FOUND, [])
    assert "openai/gpt-4.1" in str(found)


async def test_keeps_the_key_out_of_urls(upstream: GeminiUpstream, reach: Opener) -> None:
    """The key is a header; the URL keeps the base URL's path prefix and says only what is asked for, and how."""
    upstream.objects = [part("x", finishReason=STOP)]
    await chunks_of(reach(f"{upstream.url}/gateway/"))
    seen = upstream.seen[0]
    assert seen.headers["x-goog-api-key"] == KEY
    assert seen.url.startswith("/gateway/v1beta/models/gemini-2.5-flash:streamGenerateContent?")
    assert seen.url.endswith("alt=json%3Benum-encoding%3Dint")


@both_ways
async def test_takes_no_redirect(upstream: GeminiUpstream, reach: Opener, streamed: bool) -> None:
    """A redirect is a fault that names the other host, which gets neither the key nor a connection."""
    async with gemini_upstream() as elsewhere:
        upstream.status, upstream.objects = 307, [{}]
        upstream.headers = {"Location": f"{elsewhere.url}/v1beta/models/x:generateContent"}
        found = await fault(reach(upstream.url), streamed=streamed)
        assert (found.kind, elsewhere.seen) == (Outcome.BAD_RESPONSE, [])
        assert elsewhere.url.removeprefix("http://") in str(found)


async def test_takes_neither_proxy_nor_password_from_the_machine(
    upstream: GeminiUpstream, reach: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy that happens to be set never sees the key, and a .netrc adds no password of its own."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    upstream.objects = [part("x", finishReason=STOP)]
    assert (await reach(upstream.url).chat_completion(prompt())).text == "x"
    assert "Authorization" not in upstream.seen[0].headers


async def test_does_not_mix_keys(upstream: GeminiUpstream, reach: Opener) -> None:
    """Two providers called at once each send their own key with their own prompt."""
    upstream.objects = [part("x", finishReason=STOP)]
    keys = ("key-of-the-first-owner", "key-of-the-second-owner")
    providers = {key: reach(upstream.url, key=key) for key in keys}
    await asyncio.gather(*(providers[key].chat_completion(prompt(key)) for key in keys * 5))
    sent = [(seen.headers["x-goog-api-key"], seen.body["contents"][0]["parts"][0]["text"]) for seen in upstream.seen]
    assert sorted(sent) == sorted((key, key) for key in keys * 5)


async def test_cuts_an_endless_answer(upstream: GeminiUpstream, reach: Opener) -> None:
    """An answer is cut at its size limit in bounded memory, what came is kept, and its sender hung up on."""
    upstream.endless, upstream.objects = True, [part("x" * 100_000)]
    before, texts = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, list[str]()
    with pytest.raises(ProviderError, match="more than 8 MB") as caught:
        await _collect(reach(upstream.url), texts)
    assert caught.value.kind is Outcome.STREAM_CUT
    assert 7_900_000 < len("".join(texts)) < 8_388_608
    await asyncio.wait_for(upstream.hung_up.wait(), 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


async def test_cuts_an_endless_object(upstream: GeminiUpstream, reach: Opener) -> None:
    """An object that never ends is cut at the limit as well."""
    upstream.endless, upstream.objects = True, [b"{" * 100_000]
    found = await fault(reach(upstream.url, max_answer_bytes=1_000_000))
    assert found.kind is Outcome.STREAM_CUT
    await asyncio.wait_for(upstream.hung_up.wait(), 1)


async def test_ends_a_drip_at_the_whole_deadline(upstream: GeminiUpstream, reach: Opener) -> None:
    """An answer that is never silent for long still ends at the deadline of the whole."""
    upstream.endless, upstream.objects, upstream.step = True, [part("x")], asyncio.Semaphore(1)
    texts: list[str] = []
    with pytest.raises(ProviderError, match="did not finish in time") as caught:
        await _collect(reach(upstream.url, total_timeout=0.3), texts, upstream.step)
    assert (caught.value.kind, bool(texts)) == (Outcome.TIMEOUT, True)
    await asyncio.wait_for(upstream.hung_up.wait(), 1)


@pytest.mark.parametrize(
    ("words", "waits", "phrase"),
    [
        ("stall-1", {"first_byte_timeout": 9, "silence_timeout": 0.1}, "stopped answering"),
        ("silent", {"first_byte_timeout": 0.1, "silence_timeout": 9}, "sent nothing in time"),
    ],
)
async def test_waits_for_each_thing_its_own_time(
    reach: Opener, words: str, waits: dict[str, float], phrase: str
) -> None:
    """The first byte and the silence between two pieces have a deadline each, and each its sentence."""
    async with Upstream() as server, asyncio.timeout(5):
        assert phrase in str(await fault(reach(server.url, **waits), prompt(model=words)))


async def test_frees_its_threads_on_stop(reach: Opener) -> None:
    """More stopped calls than there are threads leave them all free: the next call is answered."""
    async with Upstream() as silent:
        provider = reach(silent.url)
        calls = [asyncio.ensure_future(provider.chat_completion(prompt(model=f"silent-{i}"))) for i in range(40)]
        async with asyncio.timeout(10):
            while len(silent.requests) < CALLS_AT_ONCE:
                await asyncio.sleep(0.005)
            for call in calls:
                call.cancel()
            assert {type(ended) for ended in await asyncio.gather(*calls, return_exceptions=True)} == {
                asyncio.CancelledError
            }
            for request in list(silent.requests):
                await asyncio.wait_for(request.hung_up.wait(), 0.3)
            assert (await provider.chat_completion(prompt(model="any-words-2"))).text


async def test_closing_ends_what_runs(reach: Opener) -> None:
    """Closing the provider hangs up on every upstream and ends every call with a fault."""
    async with Upstream() as silent:
        provider = reach(silent.url)
        call = asyncio.ensure_future(provider.chat_completion(prompt(model="silent")))
        async with asyncio.timeout(5):
            while not silent.requests:
                await asyncio.sleep(0.005)
            await provider.close()
            await silent.last.hung_up.wait()
            with pytest.raises(ProviderError):
                await call


async def test_stops_a_silent_call_over_tls(reach: Opener, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop reaches a silent upstream within 300 ms through TLS too; the machine's authorities are trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        hung_up.set()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    async with await asyncio.start_server(stay_silent, "127.0.0.1", 0, ssl=context) as server:
        provider = reach(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        call = asyncio.ensure_future(provider.chat_completion(prompt()))
        await asyncio.wait_for(asked.wait(), 5)
        call.cancel()
        await asyncio.wait_for(hung_up.wait(), 0.3)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    found = tmp_path / "authority.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*made, *subject, "-keyout", found, "-out", tmp_path / "certificate"], check=True, capture_output=True
    )
    found.write_text(found.read_text() + (tmp_path / "certificate").read_text())
    return found


async def test_refuses_a_bad_certificate(reach: Opener) -> None:
    """A certificate nobody signed is never accepted, and the reason is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        found = await fault(reach(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert found.kind is Outcome.CONNECTION
    assert "The certificate of Gemini" in str(found)


async def test_tells_that_nothing_listens(reach: Opener) -> None:
    """A refused connection is told as that, with the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    found = await fault(reach(f"http://{host}"))
    assert found.kind is Outcome.CONNECTION
    assert f"Nothing listens at {host}" in str(found)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ([(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))], "may not be reached"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "was not found"),
    ],
    ids=["metadata", "unknown"],
)
async def test_checks_what_a_name_leads_to(
    reach: Opener, monkeypatch: pytest.MonkeyPatch, answer: Any, phrase: str
) -> None:
    """A name that leads to a metadata address is refused before a connection, and an unknown one told as that."""

    def resolve(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("conductor_core.providers.gemini_session.socket.getaddrinfo", resolve)
    found = await fault(reach("http://gemini.example"))
    assert found.kind is Outcome.CONNECTION
    assert phrase in str(found)


async def test_refuses_a_metadata_base_url(reach: Opener) -> None:
    """A base URL that is a metadata address itself is refused as written."""
    assert (await fault(reach("http://169.254.169.254"))).kind is Outcome.CONNECTION


async def test_lists_only_models_that_answer(upstream: GeminiUpstream, reach: Opener) -> None:
    """Every page of the list is read; models that can't generate content and the prefix are left out."""
    upstream.pages = [
        {
            "models": [
                {"name": "models/gemini-2.5-flash", "supportedGenerationMethods": ["generateContent", "countTokens"]},
                {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
            ],
            "nextPageToken": "2",
        },
        {"models": [{"name": "models/gemma-3-1b-it", "supportedGenerationMethods": ["generateContent"]}]},
    ]
    assert await reach(upstream.url).get_available_models() == ["gemini-2.5-flash", "gemma-3-1b-it"]
    assert [seen.body for seen in upstream.seen] == [None, None]
    assert "pageToken=2" in upstream.seen[1].url


async def _collect(provider: GeminiProvider, texts: list[str], step: asyncio.Semaphore | None = None) -> None:
    """What came before a fault; each chunk releases the next piece, where a server waits for that."""
    async for chunk in provider.stream_completion(prompt()):
        texts.append(chunk.text)
        if step:
            step.release()


def _generator(chunks: AsyncIterator[Chunk]) -> Any:
    """A provider's stream as the generator it is, which can be closed."""
    return chunks
