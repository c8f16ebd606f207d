"""Changing keys, endpoints and default models while running, against a real upstream and a real `.env`."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.configuration import LONGEST_KEY, Configuration, checked_key
from conductor_core.environment import Environment, Origin
from conductor_core.errors import InvalidRequest, ProviderError, SettingsError, UserError
from conductor_core.kinds import CostKind
from conductor_core.models import ChatMessage, ChatRequest, ChatResponse, MessageRole
from conductor_core.pricing import Usage
from conductor_core.routing.attempt import cost_of
from tests.upstream import Upstream

KEY = "sk-tests-0123456789abcdef"
OTHER = "sk-other-9876543210fedcba"


@asynccontextmanager
async def opened(
    folder: Path, project: str = "", private: bool = True, /, **process: str
) -> AsyncIterator[tuple[Conductor, Configuration]]:
    """An installation with real files, closed in the end."""
    (folder / ".env").write_text(project)
    (folder / ".env").chmod(0o600)
    environment = Environment.read({"CONDUCTOR_HOME": str(folder / "home"), **process}, folder)
    conductor = await Conductor.open(environment, private=private)
    try:
        yield conductor, conductor.configuration
    finally:
        await conductor.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


def saved(folder: Path) -> str:
    path = folder / "home" / ".env"
    return path.read_text() if path.exists() else ""


def sent_keys(upstream: Upstream) -> list[str]:
    return [
        received.headers.get("authorization", received.headers.get("Authorization", ""))
        for received in upstream.requests
    ]


async def test_a_key_works_at_once_and_is_remembered_only_when_saved(tmp_path: Path, upstream: Upstream) -> None:
    """A key for this run is used and written nowhere; a saved one is also there after a restart, in a 0600 file."""
    address = {"OPENAI_BASE_URL": f"{upstream.url}/v1"}
    async with opened(tmp_path, **address) as (conductor, configuration):
        assert not conductor.providers.get("openai").configured
        await configuration.set_key("openai", f" {KEY}\n", keep=False)
        assert await conductor.catalog.ask("openai")
        assert saved(tmp_path) == ""
    async with opened(tmp_path, **address) as (conductor, configuration):
        assert configuration.key_of("openai") is None
        await configuration.set_key("openai", OTHER, keep=True)
    assert stat.S_IMODE((tmp_path / "home" / ".env").stat().st_mode) == 0o600
    async with opened(tmp_path, **address) as (conductor, configuration):
        key = configuration.key_of("openai")
        assert key
        assert (key.value, key.origin) == (OTHER, Origin.HOME)
        await conductor.catalog.ask("openai")
    assert sent_keys(upstream) == [f"Bearer {KEY}", f"Bearer {OTHER}"]


async def test_a_removed_key_is_gone_from_the_file(tmp_path: Path) -> None:
    """Removing forgets what was saved and what was entered for this run; the provider is not configured any more."""
    async with opened(tmp_path) as (conductor, configuration):
        await configuration.set_key("gemini", KEY, keep=True)
        await configuration.set_key("gemini", OTHER, keep=False)
        assert conductor.providers.get("gemini").configured
        await configuration.remove_key("gemini")
        assert conductor.providers.get("gemini").endpoint.missing == "GEMINI_API_KEY"
        assert KEY not in saved(tmp_path)


async def test_says_what_hides_a_saved_key(tmp_path: Path) -> None:
    """Under a key of the environment, also one of the vendor's other name, the saved one is not in force."""
    async with opened(tmp_path, GOOGLE_API_KEY=OTHER) as (_, configuration):
        changed = await configuration.set_key("gemini", KEY, keep=True)
        assert changed.hidden_by
        assert (changed.hidden_by.name, changed.hidden_by.origin) == ("GOOGLE_API_KEY", Origin.ENVIRONMENT)
        assert configuration.is_key_saved("gemini")


async def test_a_running_answer_goes_on_with_its_key(tmp_path: Path, upstream: Upstream) -> None:
    """A change builds the provider anew for the next call and cuts none that runs."""
    async with opened(tmp_path, OPENAI_BASE_URL=f"{upstream.url}/v1") as (conductor, configuration):
        await configuration.set_key("openai", KEY, keep=False)
        hello = [ChatMessage(role=MessageRole.USER, content="Hello")]
        answer = conductor.stream(ChatRequest(provider="openai", model="gap-20-words-8", messages=hello))
        await anext(answer)
        await configuration.set_key("openai", OTHER, keep=False)
        *_, last = [item async for item in answer]
        assert isinstance(last, ChatResponse)
        await conductor.chat(ChatRequest(provider="openai", model="any", messages=hello))
    assert sent_keys(upstream) == [f"Bearer {KEY}", f"Bearer {OTHER}"]


async def test_only_what_changed_is_built_anew(tmp_path: Path) -> None:
    """Another provider's key leaves a provider, its counters and its child processes alone."""
    async with opened(tmp_path, GEMINI_API_KEY=KEY) as (conductor, configuration):
        before = {name: conductor.providers.get(name) for name in ("gemini", "openai", "local")}
        await configuration.set_key("openai", OTHER, keep=False)
        assert [name for name in before if conductor.providers.get(name) is before[name]] == ["gemini", "local"]


async def test_the_redactor_learns_what_is_entered(tmp_path: Path) -> None:
    """A key that looks like nothing known is kept out of every text from the moment it is used."""
    async with opened(tmp_path) as (conductor, configuration):
        await configuration.set_key("mistral", "plainlookingvalue", keep=False)
        assert conductor.redactor.clean("wrong plainlookingvalue given") == "wrong [key] given"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "  \n",
        "two words",
        "OPENAI_API_KEY=sk-1234",
        "export GROQ_API_KEY=gsk_1",
        "with'quote",
        "schlüssel-1234",
        "a\x00b",
        "k" * (LONGEST_KEY + 1),
    ],
)
def test_refuses_what_can_not_be_a_key(key: str) -> None:
    """A slip of the clipboard is refused in words that do not repeat it."""
    with pytest.raises(InvalidRequest) as refusal:
        checked_key(key)
    assert key.strip() == "" or key not in str(refusal.value)


async def test_a_refused_change_changes_nothing(tmp_path: Path) -> None:
    """A key for a provider without keys, a model's name that can't be one: nothing is written."""
    async with opened(tmp_path) as (_, configuration):
        with pytest.raises(UserError, match="needs no key"):
            await configuration.set_key("ollama", KEY, keep=True)
        with pytest.raises(InvalidRequest, match="begins with a letter or digit"):
            await configuration.set_default_model("gemini", "../x")
        with pytest.raises(UserError, match="not set here"):
            await configuration.set_address("openai", "https://example.com/v1")
    assert saved(tmp_path) == ""


async def test_chooses_a_default_model(tmp_path: Path) -> None:
    """The choice is in force at once, also for an endpoint, and the vendor's own default takes it back."""
    endpoint = {"CONDUCTOR_ENDPOINTS__MY_BOX__BASE_URL": "http://127.0.0.1:9/v1"}
    async with opened(tmp_path, GEMINI_API_KEY=KEY, **endpoint) as (conductor, configuration):
        own = conductor.providers.get("gemini").default_model
        await configuration.set_default_model("gemini", "gemini-other")
        await configuration.set_default_model("custom:my-box", "big-one")
        assert conductor.providers.get("gemini").default_model == "gemini-other"
        assert "CONDUCTOR_DEFAULT_MODELS__CUSTOM_MY_BOX=big-one" in saved(tmp_path)
    async with opened(tmp_path, GEMINI_API_KEY=KEY, **endpoint) as (conductor, configuration):
        assert conductor.providers.get("custom:my-box").default_model == "big-one"
        await configuration.set_default_model("gemini", own)
        assert conductor.providers.get("gemini").default_model == own
        assert "GEMINI" not in saved(tmp_path)


async def test_a_default_model_of_nobody_is_refused(tmp_path: Path) -> None:
    """A misspelt provider in a file refuses the start by line and lists the known."""
    with pytest.raises(SettingsError, match=r"\.env:1:CONDUCTOR_DEFAULT_MODELS__GOOGLE: .*GEMINI"):
        async with opened(tmp_path, "CONDUCTOR_DEFAULT_MODELS__GOOGLE=x\n"):
            pass


async def test_declares_tests_and_removes_an_endpoint(tmp_path: Path, upstream: Upstream) -> None:
    """A server of the user's own is a provider at once and after a restart, until it is removed with its key."""
    async with opened(tmp_path) as (conductor, configuration):
        await configuration.declare("My-Box", f"{upstream.url}/v1/", KEY, ["own-model", " "])
        assert await conductor.catalog.ask("custom:my-box") == ["own-model", "first-model", "second-model"]
    async with opened(tmp_path) as (conductor, configuration):
        assert conductor.providers.get("custom:my-box").default_model == "own-model"
        await configuration.remove_endpoint("custom:my-box")
        assert "custom:my-box" not in conductor.providers.names()
    assert saved(tmp_path).strip() == ""


@pytest.mark.parametrize(
    ("name", "url", "field"),
    [
        ("", "https://example.com/v1", "name"),
        ("1box", "https://example.com/v1", "name"),
        ("a b", "https://example.com/v1", "name"),
        ("a" * 33, "https://example.com/v1", "name"),
        ("box\nX=1", "https://example.com/v1", "name"),
        ("box", "", "base_url"),
        ("box", "ftp://example.com", "base_url"),
        ("box", "https://user:pw@example.com", "base_url"),
        ("box", "http://169.254.169.254/v1", "base_url"),
        ("box", "http://[::ffff:a9fe:a9fe]/v1", "base_url"),
        ("box", "http://2130706433/v1", "base_url"),
    ],
)
async def test_refuses_an_endpoint_in_words(tmp_path: Path, name: str, url: str, field: str) -> None:
    """A wrong name or an address that is never reached is refused, naming the field; nothing is written."""
    async with opened(tmp_path) as (_, configuration):
        with pytest.raises(InvalidRequest) as refusal:
            await configuration.declare(name, url)
    assert refusal.value.field == field
    assert "pw" not in str(refusal.value)
    assert saved(tmp_path) == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434/v1", "http://localhost/v1", "http://192.168.1.5/v1"])
async def test_a_typed_address_is_private_only_where_the_app_is(tmp_path: Path, url: str) -> None:
    """Whoever reaches a public installation can't make it reach this network; a private one may be pointed anywhere."""
    async with opened(tmp_path, "", False) as (_, configuration):
        with pytest.raises(InvalidRequest, match="loopback and private"):
            await configuration.set_address("ollama", url)
    async with opened(tmp_path) as (_, configuration):
        await configuration.set_address("ollama", url)
    async with opened(tmp_path, "", False) as (conductor, _):
        with pytest.raises(ProviderError, match="loopback and private"):
            await conductor.catalog.ask("ollama")


async def test_the_owners_address_may_be_private(tmp_path: Path, upstream: Upstream) -> None:
    """What the environment says is the owner's word, also for a public installation."""
    async with opened(tmp_path, "", False, OLLAMA_BASE_URL=f"{upstream.url}/v1") as (conductor, _):
        assert await conductor.catalog.ask("ollama")


async def test_another_host_drops_the_key(tmp_path: Path) -> None:
    """A key goes only to the host it was saved for: it stays over another path, and goes with another port or host."""
    async with opened(tmp_path) as (conductor, configuration):
        await configuration.declare("box", "http://127.0.0.1:9/v1", KEY)
        kept = await configuration.declare("box", "http://127.0.0.1:9/v2", new=False)
        assert not kept.dropped_key
        assert conductor.providers.get("custom:box").endpoint.key
        dropped = await configuration.declare("box", "http://127.0.0.1:10/v2", new=False)
        assert dropped.dropped_key
        assert conductor.providers.get("custom:box").endpoint.key is None
        assert KEY not in saved(tmp_path)


async def test_the_owners_key_never_goes_to_a_typed_address(tmp_path: Path, upstream: Upstream) -> None:
    """A key of the environment is not sent to an address that somebody typed into Settings."""
    async with opened(tmp_path, VLLM_API_KEY=KEY) as (conductor, configuration):
        await configuration.set_address("vllm", f"{upstream.url}/v1")
        await conductor.catalog.ask("vllm")
        assert configuration.key_of("vllm") is None
    assert sent_keys(upstream) == [""]


async def test_what_is_declared_outside_is_changed_outside(tmp_path: Path) -> None:
    """An endpoint of the environment or of `./.env` is not changed here; the sentence says where it is."""
    line = "CONDUCTOR_ENDPOINTS__BOX__BASE_URL=http://127.0.0.1:9/v1\n"
    async with opened(tmp_path, line) as (_, configuration):
        with pytest.raises(UserError, match=r"\.env:1:CONDUCTOR_ENDPOINTS__BOX__BASE_URL"):
            await configuration.declare("box", "https://example.com/v1", new=False)
        with pytest.raises(UserError, match="declared outside"):
            await configuration.remove_endpoint("custom:box")


async def test_a_name_is_taken_once(tmp_path: Path) -> None:
    """A second declaration does not silently replace the first."""
    async with opened(tmp_path) as (_, configuration):
        await configuration.declare("box", "https://example.com/v1")
        with pytest.raises(InvalidRequest, match="already an endpoint named box"):
            await configuration.declare("BOX", "https://example.org/v1")


async def test_budgets_hold_at_once_and_are_remembered(tmp_path: Path) -> None:
    """Saved they limit the next call; taken back they limit nothing; the environment's stay in force over them."""
    async with opened(tmp_path) as (conductor, configuration):
        await configuration.set_budgets(0.00001, 20.0, "free")
        assert conductor.gateway.budgets.refusal("openai", 0.01).startswith("Today's budget of $0.00001 has no room")
        assert conductor.gateway.budgets.beyond == "free"
        await configuration.set_budgets(None, 20.0, "refuse")
        assert conductor.gateway.budgets.refusal("openai", 0.01) == ""
        assert "CONDUCTOR_BUDGET_DAY" not in saved(tmp_path)
        with pytest.raises(SettingsError):
            await configuration.set_budgets(-1.0, None, "refuse")
    async with opened(tmp_path, CONDUCTOR_BUDGET_DAY="3") as (conductor, configuration):
        assert [line.budget.limit for line in conductor.gateway.budgets.standing()] == [3.0, 20.0]
        changed = await configuration.set_budgets(9.0, None, "refuse")
        assert changed.hidden_by
        assert [line.budget.limit for line in conductor.gateway.budgets.standing()] == [3.0]


async def test_prices_of_ones_own_hold_at_once_and_are_remembered(tmp_path: Path) -> None:
    """A model's own goes before the table's and before `*`; taken back, the table's holds; nonsense is refused."""
    usage = Usage(1_000_000, 500_000)
    async with opened(tmp_path) as (conductor, configuration):
        listed = conductor.providers.get("openai").estimate_cost(usage, "gpt-4.1")
        await configuration.set_price("openai", "gpt-4.1", 1.5, 4.0)
        await configuration.set_price("vllm", "*", 0.0, 0.0)
        openai, vllm = conductor.providers.get("openai"), conductor.providers.get("vllm")
        assert openai.estimate_cost(usage, "gpt-4.1") == pytest.approx(3.5)
        assert openai.token_prices(10, "gpt-4.1") == (1.5e-6, 4e-6)
        usd, kind = cost_of(openai, ("gpt-4.1-2025-04-14", "gpt-4.1"), usage)
        assert usd == pytest.approx(3.5)
        assert kind is CostKind.REPORTED
        assert cost_of(vllm, ("mine", "mine"), usage) == (0.0, CostKind.FREE)
        assert vllm.is_free("mine")
        with pytest.raises(InvalidRequest):
            await configuration.set_price("openai", "two words", 1, 1)
        with pytest.raises(InvalidRequest, match="Name the model"):
            await configuration.set_price("openai", "", 1, 1)
        with pytest.raises(SettingsError, match="CONDUCTOR_PRICES"):
            await configuration.set_price("openai", "gpt-4.1", -1, 1)
    async with opened(tmp_path) as (conductor, configuration):
        assert conductor.providers.get("openai").estimate_cost(usage, "gpt-4.1") == pytest.approx(3.5)
        await configuration.remove_price("openai", "gpt-4.1")
        assert conductor.providers.get("openai").estimate_cost(usage, "gpt-4.1") == listed
        assert "vllm/*=0/0" in saved(tmp_path)
