"""The Settings page as a person uses it, on real files and a real upstream."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.bridge import Bridge
from conductor_core.environment import Environment
from dashboard import runtime
from tests.upstream import Upstream

MAIN = Path(__file__).parents[3] / "dashboard" / "main.py"
KEY = "sk-tests-0123456789abcdef"
NOWHERE = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
"""No test leaves this machine."""
OTHER = "sk-other-9876543210fedcba"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    runtime.close()


def start(home: Path, **process: str) -> AppTest:
    """Starts an installation on real files, as a restart does, and opens the page."""
    runtime.close()
    environment = Environment.read({"CONDUCTOR_HOME": str(home), **NOWHERE, **process}, home.parent)
    runtime.install(Bridge.in_thread(environment))
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    return sound(page.switch_page("app_pages/settings.py").run())


def sound(page: AppTest) -> AppTest:
    """The page, provided that it is the one meant and nothing broke on it."""
    assert [heading.value for heading in page.header] == ["Settings"]
    assert not page.exception
    return page


def press(page: AppTest, label: str, place: str = "") -> AppTest:
    """Presses the button of that label, the one whose key ends in `place` or, in a form, whose form does."""
    found = [one for one in page.button if one.label == label and place in f"{one.key} {one.form_id}"]
    assert len(found) == 1, [(one.label, one.key, one.form_id) for one in page.button]
    return sound(found[0].click().run())


def add(page: AppTest, provider: str) -> AppTest:
    """Chooses a provider to add."""
    return sound(page.button_group(key="adding").set_value(provider).run())


def words(page: AppTest) -> str:
    """Everything written on the page."""
    drawn: list[Any] = [*page.markdown, *page.caption, *page.error, *page.toast, *page.html]
    return "\n".join(str(one.value) for one in drawn)


def test_lists_what_is_configured_and_offers_the_rest(home: Path) -> None:
    """Configured providers have a card that says where the key comes from; the others are a compact list."""
    page = start(home, OPENAI_API_KEY=KEY)
    assert "Key …cdef, from the environment (OPENAI\\_API\\_KEY)." in words(page)
    assert KEY not in words(page)
    offered = page.button_group(key="adding").options
    assert not any("OpenAI" in option for option in offered)
    assert any("Anthropic" in option for option in offered)


def test_a_saved_key_is_in_the_file_and_nowhere_else(home: Path) -> None:
    """Saved from the form, the key lies in a 0600 file; page and session hold no trace of it; a restart finds it."""
    page = add(start(home), "openai")
    page.text_input(key="key-openai").set_value(KEY)
    page = press(page, "Save", "openai")
    file = home / ".env"
    assert file.read_text() == f"OPENAI_API_KEY={KEY}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "OpenAI: The key is saved." in words(page)
    assert KEY not in str(page)
    assert KEY not in str(page.session_state)
    assert KEY not in words(page)
    assert "Key …cdef, saved in $CONDUCTOR_HOME/.env." in words(start(home)).replace("\\", "")


def test_a_key_for_this_run_is_written_nowhere(home: Path) -> None:
    """It is in force at once, says so, and is gone after a restart."""
    page = add(start(home), "openai")
    page.text_input(key="key-openai").set_value(KEY)
    page = press(page, "Use for this run", "openai")
    assert "Key …cdef, entered for this run." in words(page)
    assert not (home / ".env").exists()
    assert KEY not in str(page.session_state)
    assert "…cdef" not in words(start(home))


def test_a_refused_key_is_emptied_too(home: Path) -> None:
    """What can't be a key is refused in words, and does not stay in the field either."""
    page = add(start(home), "openai")
    page.text_input(key="key-openai").set_value("not a key at all")
    page = press(page, "Save", "openai")
    assert "A key holds no spaces" in words(page)
    assert page.text_input(key="key-openai").value == ""
    assert not (home / ".env").exists()


def test_removes_a_saved_key_and_says_what_hides_one(home: Path) -> None:
    """A saved key under one of the environment is named as hidden; removing it leaves the other in force."""
    (home).mkdir()
    (home / ".env").write_text(f"OPENAI_API_KEY={OTHER}\n")
    (home / ".env").chmod(0o600)
    page = start(home, OPENAI_API_KEY=KEY)
    assert "A key is saved too, but OPENAI_API_KEY in the environment hides it." in words(page).replace("\\", "")
    page = press(page, "Remove the saved key", "openai")
    assert "OPENAI_API_KEY in the environment stays in force." in words(page).replace("\\", "")
    assert OTHER not in (home / ".env").read_text()


def test_tests_a_connection_in_a_sentence(home: Path, upstream: Upstream) -> None:
    """A reached provider says how many models it has, a refused key what to check; neither call is billed."""
    page = start(home, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{upstream.url}/v1")
    assert "Reached: 2 models." in words(press(page, "Test connection", "openai"))
    upstream.behaviour = "status-401"
    assert "OpenAI refused the key (401)." in words(press(page, "Test connection", "openai"))
    assert {received.path for received in upstream.requests} == {"/v1/models"}


def test_chooses_a_default_model(home: Path, upstream: Upstream) -> None:
    """One of the models the provider lists is saved as its default and shown on the card."""
    page = start(home, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{upstream.url}/v1")
    page = press(page, "Test connection", "openai")
    page = sound(sound(page.run()).selectbox(key="default-openai").set_value("second-model").run())
    assert (home / ".env").read_text() == "CONDUCTOR_DEFAULT_MODELS__OPENAI=second-model\n"
    assert "second-model" in words(page)


def declare(page: AppTest, name: str, url: str, key: str = "") -> AppTest:
    for what, value in {"name": name, "address": url, "key": key, "models": ""}.items():
        page.text_input(key=f"{what}-declare").set_value(value)
    return press(page, "Save", "declare")


def test_refuses_an_address_that_is_never_reached(home: Path) -> None:
    """The metadata address is refused in a sentence; what was typed stays, but for the key; nothing is written."""
    page = declare(start(home), "box", "http://169.254.169.254/v1", KEY)
    assert "may not lead to 169.254.169.254" in words(page).replace("\\", "")
    assert page.text_input(key="address-declare").value == "http://169.254.169.254/v1"
    assert page.text_input(key="key-declare").value == ""
    assert KEY not in str(page.session_state)
    assert not (home / ".env").exists()


def test_declares_moves_and_removes_an_endpoint(home: Path, upstream: Upstream) -> None:
    """An endpoint has a card at once; moved to another host it loses its key and says so; removed it is gone."""
    page = declare(start(home), "my-box", f"{upstream.url}/v1", KEY)
    assert "my-box: The endpoint is saved." in words(page)
    assert "Reached: 2 models." in words(press(page, "Test connection", "custom:my-box"))
    page.text_input(key="address-edit-custom:my-box").set_value("http://127.0.0.1:9/v1")
    page = press(page, "Save", "custom:my-box")
    assert "It is another host: the key was removed" in words(page)
    assert KEY not in (home / ".env").read_text()
    page = press(page, "Remove this endpoint", "custom:my-box")
    assert "custom:my-box" not in runtime.get_conductor().providers.names()
    assert "MY_BOX" not in (home / ".env").read_text()


def test_adds_a_server_of_ones_own_by_its_address(home: Path, upstream: Upstream) -> None:
    """Ollama and its like need an address in place of a key."""
    page = add(start(home), "ollama")
    page.text_input(key="address-ollama").set_value(f"{upstream.url}/v1")
    page = press(page, "Save", "ollama")
    assert runtime.get_conductor().providers.get("ollama").configured
    page = press(page, "Remove the address", "ollama")
    assert not runtime.get_conductor().providers.get("ollama").configured


def test_says_what_this_installation_is(home: Path) -> None:
    """Folder, database, versions and door are on the page, and that the local model is a demonstration."""
    written = words(start(home))
    for fact in (str(home), "SQLite", "genai-prices", "not set: only this machine", "no server runs", "demonstration"):
        assert fact in written


def test_budgets_are_set_and_their_state_is_shown(home: Path) -> None:
    """What was typed holds at once and after a restart; without an amount there is no limit."""
    page = start(home)
    page.number_input(key="day-budgets").set_value(5.0)
    page.button_group(key="beyond-budgets").set_value("free")
    page = press(page, "Save budgets")
    assert r"Today \$0.00 of \$5.00" in words(page)
    page = start(home)
    assert page.number_input(key="day-budgets").value == 5.0
    assert page.number_input(key="month-budgets").value is None
    assert runtime.get_conductor().settings.budget_beyond == "free"


def test_prices_of_ones_own_are_set_and_taken_back(home: Path) -> None:
    """Saved they are listed with what they say; removed they are gone; without a model's name nothing is saved."""
    page = start(home)
    page = press(page, "Save price")
    assert "Name the model" in page.error[0].value
    page.selectbox(key="provider-prices").select("vllm")
    page.text_input(key="model-prices").input("*")
    page.number_input(key="prompt-prices").set_value(0.2)
    page.number_input(key="completion-prices").set_value(0.6)
    page = press(page, "Save price")
    said = r"vLLM all other models: \$0.2 in, \$0.6 out per million tokens"
    assert said in words(page)
    page = press(start(home), "Remove")
    assert said not in words(page)
