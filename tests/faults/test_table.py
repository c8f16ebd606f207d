"""Every row of the table that has a scenario, on real sockets: who was asked, what is shown, what is stored."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conductor_core.answers import Answer
from conductor_core.conductor import Conductor
from conductor_core.errors import ProviderError
from conductor_core.kinds import LaneState, Outcome
from conductor_core.metrics.call import Call
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.turns import LaneSetup
from tests.faults import document
from tests.faults.table import ALL, FINE, ROWS, Row, Scenario
from tests.installation import KEY, installation
from tests.upstream import PAGE, Upstream

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests/providers/self-signed.pem"
LABELS = {"openai": "OpenAI", "anthropic": "Anthropic", "gemini": "Gemini"}
PATHS = {"openai": "/v1", "anthropic": "", "gemini": ""}
OTHER = {"openai": "anthropic", "anthropic": "openai", "gemini": "openai"}
UNKNOWN_HOST = "api.acme.example"
CASES = [
    pytest.param(row.scenario, dialect, id=f"{row.name}-{dialect}")
    for row in ROWS
    if row.scenario
    for dialect in row.scenario.dialects
]


@dataclass
class Seen:
    """What one run left behind."""

    answer: Answer
    rows: list[Call]
    asked: list[str]
    seconds: float


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up nowhere: the one asked for does not exist."""
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **named: object) -> object:
        if host == UNKNOWN_HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **named)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@asynccontextmanager
async def address(place: str, upstream: Upstream) -> AsyncIterator[str]:
    """Where the misbehaving provider is."""
    async with AsyncExitStack() as stack:
        match place:
            case "tls":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(CERTIFICATE)
                server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
                await stack.enter_async_context(server)
                yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            case "dns":
                yield f"http://{UNKNOWN_HOST}"
            case "closed":
                taken = stack.enter_context(socket.socket())
                taken.bind(("127.0.0.1", 0))
                yield f"http://127.0.0.1:{taken.getsockname()[1]}"
            case "full":
                full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
                for _ in range(4):
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)
                    filler.connect_ex(full.getsockname())
                yield f"http://127.0.0.1:{full.getsockname()[1]}"
            case _:
                yield upstream.url


@asynccontextmanager
async def broken(
    home: Path, upstream: Upstream, scenario: Scenario, dialect: str, other: str
) -> AsyncIterator[Conductor]:
    """An installation whose first provider misbehaves and whose second one is fine; AUTO asks the first one first."""
    async with address(scenario.place, upstream) as base:
        name = dialect.upper()
        variables = {
            f"{name}_API_KEY": KEY,
            f"{name}_BASE_URL": base + PATHS[dialect],
            f"CONDUCTOR_DEFAULT_MODELS__{name}": f"any {scenario.words}".strip().replace(" ", "-"),
            f"{other.upper()}_API_KEY": KEY,
            f"{other.upper()}_BASE_URL": upstream.url + PATHS[other],
            f"CONDUCTOR_DEFAULT_MODELS__{other.upper()}": "fine",
            "CONDUCTOR_RETRY_BASE": "0.01",
            **{f"CONDUCTOR_{key.upper()}": value for key, value in scenario.settings.items()},
        }
        async with installation(home, None, **variables) as conductor:
            conductor.gateway.router.apply(f"{dialect},{other}")
            yield conductor


async def on_a_page(conductor: Conductor, upstream: Upstream, provider: str) -> Seen:
    """One message, as a page sends it; read back from the store in the end."""
    began = time.monotonic()
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider=provider)])
    await turn.wait()
    seconds = time.monotonic() - began
    exchange = conductor.conversations.transcript(turn.conversation_id).exchanges[0]
    assert exchange.prompt == "Hello"
    rows = conductor.store.calls_of(turn.conversation_id)
    return Seen(exchange.answers[0], rows, [received.model for received in upstream.requests], seconds)


async def as_a_whole(conductor: Conductor, upstream: Upstream, provider: str) -> Seen:
    """One request, as a program sends it; the answer or the fault in the form of a page's."""
    asked = ChatRequest(provider=provider, messages=[ChatMessage(role=MessageRole.USER, content="Hello")])
    began, text, state, sentence = time.monotonic(), "", LaneState.DONE, ""
    try:
        text = (await conductor.chat(asked)).content
    except ProviderError as error:
        state, sentence = LaneState.FAILED, str(error)
    seconds = time.monotonic() - began
    await conductor.store.rename("none", "none")
    rows = sorted(conductor.store.recent_calls(10), key=lambda row: row.attempt)
    answer = Answer("", 0, rows[-1].provider, rows[-1].model, state, text)
    if sentence:
        from conductor_core.answers import Failure

        answer = Answer("", 0, rows[-1].provider, rows[-1].model, state, text, failure=Failure(sentence))
    return Seen(answer, rows, [received.model for received in upstream.requests], seconds)


async def run(conductor: Conductor, upstream: Upstream, scenario: Scenario, provider: str) -> Seen:
    """The scenario through its door, with what must hold of every run."""
    seen = await (as_a_whole if scenario.whole else on_a_page)(conductor, upstream, provider)
    assert scenario.least <= seen.seconds <= scenario.most
    assert len({row.request_id for row in seen.rows}) == 1
    assert [row.attempt for row in seen.rows] == list(range(len(seen.rows)))
    if not scenario.place:
        assert len(seen.asked) == len(seen.rows)
    told = f"{seen.answer.failure}{[row.error for row in seen.rows]}{seen.answer.notices}"
    assert KEY not in told
    assert PAGE.decode()[:20] not in told
    return seen


@pytest.mark.parametrize(("scenario", "dialect"), CASES)
async def test_a_named_provider(tmp_path: Path, upstream: Upstream, scenario: Scenario, dialect: str) -> None:
    """It alone is asked, as often as its fault allows; the sentence, the state and the text are the row's."""
    async with broken(tmp_path, upstream, scenario, dialect, OTHER[dialect]) as conductor:
        seen = await run(conductor, upstream, scenario, dialect)
    assert [row.outcome for row in seen.rows] == list(scenario.outcomes)
    assert {(row.provider, row.fallback_from) for row in seen.rows} == {(dialect, None)}
    check_end(seen.answer, scenario, dialect)


@pytest.mark.parametrize(("scenario", "dialect"), CASES)
async def test_auto(tmp_path: Path, upstream: Upstream, scenario: Scenario, dialect: str) -> None:
    """Where another may be asked it answers, the thread says whom it replaced, and its row does too; else as named."""
    other = OTHER[dialect]
    async with broken(tmp_path, upstream, scenario, dialect, other) as conductor:
        seen = await run(conductor, upstream, scenario, "auto")
    answer = seen.answer
    if not scenario.cause:
        assert [row.outcome for row in seen.rows] == list(scenario.outcomes)
        assert {row.provider for row in seen.rows} == {dialect}
        check_end(answer, scenario, dialect)
        return
    failed = list(scenario.outcomes[:2])
    if "for 12 s" in scenario.cause:
        failed = failed[:1]  # too long to be waited for
    assert [row.outcome for row in seen.rows] == [*failed, Outcome.OK]
    assert (seen.rows[-1].provider, seen.rows[-1].fallback_from) == (other, dialect)
    assert (answer.state, answer.text, answer.provider) == (LaneState.DONE, FINE, other)
    if not scenario.whole:
        assert answer.notices == (f"{LABELS[dialect]} {scenario.cause}; answered by {LABELS[other]}.",)


def check_end(answer: Answer, scenario: Scenario, dialect: str) -> None:
    """The answer as the row says it ends."""
    assert answer.state is scenario.state
    assert answer.text.startswith(scenario.shown)
    if scenario.state is not LaneState.INCOMPLETE:
        assert answer.text == scenario.shown
    assert (answer.failure is not None) == bool(scenario.sentence)
    if answer.failure:
        assert scenario.sentence in answer.failure.sentence
        assert LABELS[dialect] in answer.failure.sentence
    assert answer.notices == ()


@pytest.mark.parametrize(("other", "answered"), [("gpt-4.1-mini", True), ("gpt-4", False), ("nobody-knows", False)])
async def test_what_is_too_long_goes_only_to_a_larger_window(
    tmp_path: Path, upstream: Upstream, other: str, answered: bool
) -> None:
    """What 200,000 tokens can't hold goes to a million, not to 8,192 and not to a window nobody knows."""
    models = {"ANTHROPIC": "claude-haiku-4-5-status-413", "OPENAI": other}
    variables = {f"CONDUCTOR_DEFAULT_MODELS__{name}": model for name, model in models.items()}
    async with installation(tmp_path, upstream, **variables) as conductor:
        conductor.gateway.router.apply("anthropic,openai")
        seen = await on_a_page(conductor, upstream, "auto")
    assert seen.asked == ["claude-haiku-4-5-status-413", *([other] if answered else [])]
    assert (seen.answer.state is LaneState.DONE) is answered


def test_the_document_is_current() -> None:
    """`python -m tests.faults.document` changes nothing."""
    assert (ROOT / "docs/faults.md").read_text() == document.text()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_proven(row: Row) -> None:
    """By a scenario, by tests that exist, or it says why not."""
    assert row.scenario or row.tests or row.limit
    for test in row.tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text()


def test_no_fault_is_left_out() -> None:
    """All 52, in their order."""
    numbers = [row.number for row in ROWS]
    assert numbers == sorted(numbers)
    assert set(numbers) == {f"F{number:02}" for number in range(1, 53)}


def test_the_dialects_are_those_of_the_registry() -> None:
    """A typing error in a row would leave it untried."""
    assert {dialect for row in ROWS if row.scenario for dialect in row.scenario.dialects} == set(ALL) == set(LABELS)
    assert len({row.name for row in ROWS}) == len(ROWS)
