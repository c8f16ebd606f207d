"""What settings are refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.errors import SettingsError
from conductor_core.settings import Environment, Settings, warnings


def read(folder: Path, text: str = "", **process: str) -> Environment:
    (folder / ".env").write_text(text)
    return Environment.read({"CONDUCTOR_HOME": str(folder / "home"), **process}, folder)


def refusal(folder: Path, text: str = "", **process: str) -> str:
    with pytest.raises(SettingsError) as found:
        Settings.load(read(folder, text, **process))
    return str(found.value)


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    """An empty environment gives the defaults."""
    assert Settings.load(read(tmp_path)) == Settings(home=tmp_path / "home")


def test_reads_every_kind_of_value(tmp_path: Path) -> None:
    """Numbers, lists, secrets, endpoints and default models are read from names in any case."""
    text = (
        "CONDUCTOR_PORT=9000\nCONDUCTOR_ALLOWED_HOSTS=a.example, b.example\nCONDUCTOR_PASSWORD=abcdefghijklm\n"
        "conductor_endpoints__my_box__base_url=http://127.0.0.1:1/v1\nCONDUCTOR_ENDPOINTS__MY_BOX__MODELS=m1,m2\n"
        "CONDUCTOR_DEFAULT_MODELS__GEMINI=gemini-pro\n"
    )
    settings = Settings.load(read(tmp_path, text, CONDUCTOR_CONNECT_TIMEOUT="0.25"))
    assert (settings.port, settings.connect_timeout) == (9000, 0.25)
    assert settings.allowed_hosts == ["a.example", "b.example"]
    assert str(settings.password) == "…jklm"
    assert settings.endpoints["my_box"].models == ["m1", "m2"]
    assert settings.default_models == {"gemini": "gemini-pro"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("CONDUCTOR_PORT=70000", "less than or equal to 65535; got a whole number"),
        ("CONDUCTOR_PORT=sk-abcdef", "valid integer, unable to parse string as an integer; got text"),
        ("CONDUCTOR_PORT=85.5", "valid integer, unable to parse string as an integer; got a number"),
        ("CONDUCTOR_DURABILITY=never", "'normal' or 'full'; got text"),
        ("CONDUCTOR_CONNECT_TIMEOUT=-7", "greater than 0; got a whole number"),
        ("CONDUCTOR_CONNECT_TIMEOUT=nan", "finite number; got a number"),
        ("CONDUCTOR_API_KEY=only-15-letters", "has 16 to 512 visible ASCII characters and no spaces; got text"),
        ("CONDUCTOR_API_KEY='sixteen and more spaces'", "16 to 512 visible ASCII characters and no spaces; got text"),
        ("CONDUCTOR_API_KEY=ünsichtbare-schlüssel", "16 to 512 visible ASCII characters and no spaces; got text"),
        ("CONDUCTOR_LOCAL_THREADS=65", "less than or equal to 64; got a whole number"),
    ],
)
def test_a_wrong_value_is_refused_by_file_line_and_field(tmp_path: Path, line: str, words: str) -> None:
    """The sentence names file, line, variable, bound and the kind of value given, and never the value."""
    name, _, value = line.partition("=")
    sentence = refusal(tmp_path, f"# a comment\n\n{line}\n")
    assert sentence.startswith(f"{tmp_path}/.env:3:{name}: ")
    assert words in sentence
    assert value not in sentence.removeprefix(f"{tmp_path}/.env:3:{name}: ")


def test_a_wrong_value_of_the_environment_names_the_variable(tmp_path: Path) -> None:
    """There is no line to name, so it says where else it comes from."""
    assert refusal(tmp_path, CONDUCTOR_PORT="x").startswith("CONDUCTOR_PORT (environment): ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CONDUCTOR_PROT", "Did you mean CONDUCTOR_PORT"),
        ("CONDUCTOR_SOMETHING_ELSE_ENTIRELY", "there is no such setting"),
        ("CONDUCTOR_PORT__X", "there is no such setting"),
        ("CONDUCTOR_DEFAULT_MODELS", "there is no such setting"),
        ("CONDUCTOR_ENDPOINTS__BOX__URL", "__BASE_URL, __API_KEY and __MODELS"),
        ("CONDUCTOR_ENDPOINTS__1BOX__BASE_URL", "an endpoint's name is a letter"),
    ],
)
def test_an_unknown_name_refuses_in_a_file_and_warns_in_the_environment(tmp_path: Path, name: str, words: str) -> None:
    """A file is ours and written on purpose; the environment may hold what others put there."""
    sentence = refusal(tmp_path, f"X=1\n{name}=abc\n")
    assert sentence.startswith(f"{tmp_path}/.env:2:{name}: ")
    assert words in sentence
    environment = read(tmp_path, **{name: "abc"})
    Settings.load(environment)
    assert any(words in warning and name in warning for warning in warnings(environment))


def test_a_name_hidden_by_the_environment_is_still_refused_in_a_file(tmp_path: Path) -> None:
    """That something else is in force does not make a wrong file right."""
    assert "CONDUCTOR_PROT" in refusal(tmp_path, "CONDUCTOR_PROT=1\n", CONDUCTOR_PROT="2")


def test_an_endpoint_without_an_address_names_what_is_missing(tmp_path: Path) -> None:
    """A key alone declares nothing."""
    sentence = refusal(tmp_path, CONDUCTOR_ENDPOINTS__BOX__API_KEY="sk-box")
    assert sentence.startswith("CONDUCTOR_ENDPOINTS__BOX__BASE_URL is not set")
    assert "sk-box" not in sentence


def test_a_strategy_is_one_of_the_known_or_an_order_of_providers(tmp_path: Path) -> None:
    """A misspelt one is refused at the start, not at the first prompt; what was written is not repeated."""
    assert Settings.load(read(tmp_path, "", CONDUCTOR_STRATEGY="openai, gemini")).strategy == "openai, gemini"
    sentence = refusal(tmp_path, "CONDUCTOR_STRATEGY=sk-0123\n")
    assert ".env:1:CONDUCTOR_STRATEGY: there is no such strategy. Known: balanced, fastest," in sentence
    assert "sk-0123" not in sentence


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:///x.db", "must begin with postgresql+psycopg://"),
        ("postgresql://me:pw-canary@h/x", "must begin with postgresql+psycopg://"),
        ("me:pw-canary@h/x", "must be an address such as postgresql+psycopg://"),
        ("postgresql+psycopg://me:pw-canary@h", "names no database"),
        ("postgresql+psycopg://me:pw@canary@h/x", "write %40 for @"),
        ("postgresql+psycopg://me@h/x?password=pw-canary", "has a password among its options"),
    ],
)
def test_an_address_of_no_use_is_refused_without_repeating_it(tmp_path: Path, address: str, words: str) -> None:
    """The sentence names the variable and what to write; no part of a password is in it."""
    sentence = refusal(tmp_path, CONDUCTOR_DATABASE_URL=address)
    assert sentence.startswith("CONDUCTOR_DATABASE_URL")
    assert words in sentence
    assert "canary" not in sentence


def test_a_database_is_an_address_kept_like_a_key(tmp_path: Path) -> None:
    """Its options stay in it; printing the settings shows none of it but its tail."""
    address = "postgresql+psycopg://me:pw-canary@h/x?sslmode=verify-full"
    settings = Settings.load(read(tmp_path, CONDUCTOR_DATABASE_URL=address))
    assert settings.database_url is not None
    assert settings.database_url.reveal() == address
    assert "canary" not in repr(settings)


def test_the_home_is_not_set_in_its_own_file(tmp_path: Path) -> None:
    """A folder that says it lies elsewhere is refused."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".env").write_text("CONDUCTOR_HOME=/elsewhere\n")
    assert "home/.env:1:CONDUCTOR_HOME" in refusal(tmp_path)


def test_warns_of_what_it_trimmed(tmp_path: Path) -> None:
    """Our own variables and the vendors' are looked at, other programs' are not."""
    environment = read(tmp_path, CONDUCTOR_PORT='"8600"\n', OPENAI_API_KEY="sk-a\n", OTHER="x ")
    assert Settings.load(environment).port == 8600
    found = warnings(environment, frozenset({"OPENAI_API_KEY"}))
    assert [sentence.split(" ")[0] for sentence in found] == ["CONDUCTOR_PORT", "OPENAI_API_KEY"]
