"""API keys in Settings as a person uses them, on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.bridge import Bridge
from conductor_core.environment import Environment
from conductor_core.keys.key import Scope, Wish
from conductor_core.keys.ring import KeyRing
from dashboard import runtime
from tests.dashboard.app_pages.pages import MAIN, checked, words

OWN = "my-own-key-of-16+"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    runtime.close()


def start(home: Path, **process: str) -> AppTest:
    """Starts an installation on real files, as a restart does, and opens the page."""
    runtime.close()
    environment = Environment.read({"CONDUCTOR_HOME": str(home), **process}, home.parent)
    runtime.install(Bridge.in_thread(environment))
    page = AppTest.from_file(str(MAIN), default_timeout=30).run()
    return checked(page.switch_page("app_pages/settings.py").run(), "settings")


def press(page: AppTest, label: str) -> AppTest:
    [found] = [one for one in page.button if one.label == label]
    return checked(found.click().run(), "settings")


def ring() -> KeyRing:
    return runtime.get_conductor().keys


def token(page: AppTest) -> str:
    """The token that is shown; empty when none is."""
    return next((code.value for code in page.code if code.value.startswith("sk-cond-")), "")


def test_the_first_key_is_shown_once(home: Path) -> None:
    """Offered at the first start; after its token was closed neither page nor session nor a restart has it."""
    page = start(home)
    assert "first key" in words(page)
    assert "Made at the first start · chat, read" in words(page)
    assert token(page) == ""
    page = press(page, "Show its token")
    shown = token(page)
    key = ring().verify(shown)
    assert key is not None
    assert key.name == "first key"
    page = press(page, "Done")
    assert token(page) == ""
    assert shown not in f"{page.session_state} {words(page)} {page}"
    assert "Show its token" not in words(page)
    page = start(home)
    assert ring().verify(shown) is not None
    assert f"{shown[:12]}… · chat, read" in words(page).replace("\\", "")
    assert "Show its token" not in words(page)


def test_a_key_is_made_with_its_limits(home: Path) -> None:
    """What the form says is what the key may do; its token lets in, and its card says all of it."""
    page = start(home)
    page.text_input(key="name-api-keys").set_value("my **program**")
    page.selectbox(key="expires-api-keys").set_value("in 30 days")
    page.button_group(key="scopes-api-keys").set_value([Scope.CHAT, Scope.CONVERSATIONS])
    page.number_input(key="usd-api-keys").set_value(2.5)
    page.number_input(key="requests-api-keys").set_value(60)
    page.number_input(key="tokens-api-keys").set_value(9_000)
    page.number_input(key="running-api-keys").set_value(3)
    page = press(page, "Make key")
    key = ring().verify(token(page))
    assert key is not None
    assert (key.name, key.scopes) == ("my **program**", frozenset({Scope.CHAT, Scope.CONVERSATIONS}))
    assert (key.budget_day, key.requests_per_minute, key.tokens_per_minute, key.concurrency) == (2.5, 60, 9_000, 3)
    assert key.expires_at is not None
    assert key.expires_at - key.created_at == pytest.approx(30 * 86_400_000, abs=60_000)
    page = press(page, "Done")
    said = words(page).replace("\\", "")
    assert "my **program**" in said
    assert "60 requests a minute · 9,000 tokens a minute · 3 at a time · $0.00 of $2.50 today" in said
    assert page.text_input(key="name-api-keys").value == ""


def test_what_is_refused_is_said_and_what_was_typed_stays(home: Path) -> None:
    """Beside the button, however many keys there are: without a name, and with one that is taken."""
    page = press(start(home), "Make key")
    [form] = [expander for expander in page.expander if expander.label == "Make a key"]
    assert [error.value for error in form.error] == ["The key has no name. Type at least one visible character."]
    runtime.run(ring().create(Wish("laptop", (Scope.CHAT,))))
    page.text_input(key="name-api-keys").set_value("Laptop")
    page = press(page, "Make key")
    assert "There is a key named “laptop” already." in words(page)
    assert page.text_input(key="name-api-keys").value == "Laptop"
    assert token(page) == ""
    page.button_group(key="scopes-api-keys").set_value([])
    assert "A key needs at least one scope" in words(press(page, "Make key"))


def test_a_key_is_revoked_after_a_question(home: Path) -> None:
    """Kept, it goes on; revoked, it lets nobody in from then on and stays in the list of those."""
    start(home)
    _, made = runtime.run(ring().create(Wish("laptop", (Scope.READ,))))
    page = start(home)
    page = press(page, "Revoke …")
    assert "This can't be undone." in words(page)
    page = press(page, "Keep")
    assert ring().verify(made.reveal()) is not None
    page = press(press(page, "Revoke …"), "Revoke")
    assert ring().verify(made.reveal()) is None
    assert "The key is revoked." in [str(toast.value) for toast in page.toast]
    assert [expander.label for expander in page.expander if "Revoked" in expander.label] == ["Revoked and expired (1)"]
    assert "· revoked " in words(start(home))


def test_the_environments_key_is_named_and_not_taken_back(home: Path) -> None:
    """Where it comes from, its last characters, and whose it is to revoke; there is no first key beside it."""
    page = start(home, CONDUCTOR_API_KEY=OWN)
    said = words(page).replace("\\", "")
    assert "…-16+, from the environment (CONDUCTOR_API_KEY) · chat, read, conversations" in said
    assert "It can't be revoked here" in said
    assert OWN not in f"{said} {page.session_state}"
    assert not [one.label for one in page.button if "Revoke" in one.label or "token" in one.label]


def test_says_how_a_key_is_used(home: Path) -> None:
    """The address programs ask, and an example without anybody's key."""
    page = start(home)
    [example] = [code.value for code in page.code if code.value.startswith("curl")]
    assert "/v1/chat/completions" in example
    assert 'Authorization: Bearer sk-cond-…"' in example
    assert "/v1 as they would ask OpenAI" in words(page)
