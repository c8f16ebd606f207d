from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.redaction import Redactor, looks_like_key
from conductor_core.secret import Secret

KEY = 'canary/+"k\\ey?ünïcode-0123456789'


def _knowing(*keys: str) -> Redactor:
    redactor = Redactor()
    for key in keys:
        redactor.learn(Secret(key))
    return redactor


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        quote(KEY, safe=""),
        json.dumps({"key": KEY}),
        json.dumps({"key": KEY}, ensure_ascii=False),
        f"https://h.example/?k={quote(KEY, safe='')}&x=1",
        base64.b64encode(KEY.encode()).decode(),
    ],
)
def test_a_known_key_is_taken_out_in_every_form(shown: str) -> None:
    """As it is, url-encoded, inside JSON, in base64."""
    cleaned = _knowing(KEY).clean(f"before {shown} after")
    assert "canary" not in cleaned
    assert "0123456789" not in cleaned
    assert base64.b64encode(KEY.encode()).decode()[:12] not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@settings(max_examples=60)
@given(st.text("abcdefgh0123456789-_/+", min_size=12, max_size=60), st.binary(max_size=7), st.binary(max_size=7))
def test_base64_around_a_key_hides_nothing(key: str, before: bytes, after: bytes) -> None:
    """Wherever in the encoded bytes the key begins, its middle is gone."""
    encoded = base64.b64encode(before + key.encode() + after).decode()
    cleaned = _knowing(key).clean(encoded)
    assert key not in cleaned
    assert "[key]" in cleaned


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_key_in_any_bytes_is_overwritten(before: bytes, after: bytes) -> None:
    """What is around it stays where it is, to the byte."""
    key = KEY.encode()
    assert _knowing(KEY).blotted(before + key + after) == before + b"*" * len(key) + after
    assert Redactor().blotted(before + key + after) == before + key + after


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-abcdefghijklmnop", "sk-proj-abcdefgh1234", "sk-abcdefghijklm", "AIza" + "x" * 35,
        "gsk_" + "a1" * 20,
        "xai-" + "a1" * 20, "ghp_" + "a1" * 18, "github_pat_" + "a1" * 20, "hf_" + "a1" * 15, "AKIA" + "A1B2" * 4,
        "sk-or-v1-" + "0" * 64, "xoxb-123456789012-abc", "glpat-" + "a" * 20,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "nvapi-" + "a" * 30, "r8_" + "a" * 37, "pplx-" + "a" * 40, "AQ." + "a" * 40,
    ],
)  # fmt: skip
def test_what_looks_like_a_vendors_key_goes_too(key: str) -> None:
    """A key we never saw, quoted by an upstream, is taken out by its shape."""
    assert Redactor().clean(f"Incorrect API key provided: {key}.") in {
        "Incorrect API key provided: [key].",
        "Incorrect API key provided: [key]",
    }


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [key]"),
        ("https://h/v1?key=abcdef123&alt=sse", "https://h/v1?key=[key]&alt=sse"),
        ("x-api-key: abcdef123", "x-api-key: [key]"),
        ('{"api_key": "abcdef123"}', '{"api_key": "[key]"}'),
        ("postgresql://user:hunter22@h/db", "postgresql://user:[key]@h/db"),
        ("password=hunter22", "password=[key]"),
    ],
)
def test_what_stands_where_keys_stand_goes(text: str, cleaned: str) -> None:
    """In headers, queries, JSON and addresses, whatever it looks like; the words around it stay."""
    assert Redactor().clean(text) == cleaned


def test_a_private_key_goes_as_a_whole() -> None:
    """Also when its end is missing, or its lines are escaped."""
    body = "MIIEpAIBAAKCAQEA\nabc123==\n"
    whole = f"-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----"
    assert Redactor().clean(f"a {whole} b") == "a [key] b"
    assert "MIIE" not in Redactor().clean(json.dumps(whole))
    assert "MIIE" not in Redactor().clean(f"-----BEGIN PRIVATE KEY-----\n{body}")


@pytest.mark.parametrize(
    "text",
    [
        "The key: understanding each token.", "task-force-something-long-12345", "Unexpected token: nothing",
        "disk-usage",
        "Rate limit reached for gpt-4o-mini in organization org-x: 3 of 3 requests.", "http://127.0.0.1:8501/a@b",
    ],
)  # fmt: skip
def test_ordinary_sentences_stay(text: str) -> None:
    """An error that lost its words helps nobody."""
    assert Redactor().clean(text) == text


def test_the_environments_secrets_are_learned() -> None:
    """Every variable that ends in KEY, TOKEN, SECRET or PASSWORD, and no other."""
    redactor = Redactor()
    redactor.learn_environment({"X_API_KEY": "abcdefgh", "CONDUCTOR_PASSWORD": "open sesame", "HOME": "/home/someone"})
    assert redactor.clean("abcdefgh, open sesame, /home/someone") == "[key], [key], /home/someone"


def test_a_password_in_an_address_is_known() -> None:
    """As it stands there and as it is meant; the address itself stays readable."""
    redactor = Redactor()
    redactor.learn_environment({"CONDUCTOR_DATABASE_URL": "postgresql+psycopg://me:pw%2Fcanary@h/x"})
    assert redactor.clean("pw/canary or pw%2Fcanary") == "[key] or [key]"
    assert redactor.clean("postgresql+psycopg://me:pw%2Fcanary@h/x") == "postgresql+psycopg://me:[key]@h/x"


def test_a_short_value_does_not_blank_out_words() -> None:
    """`CONDUCTOR_PASSWORD=a` must not turn every a into [key]."""
    assert _knowing("a", "no").clean("a banana, no") == "a banana, no"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("use sk-ant-api03-abcdefghijklm0123456789", "an Anthropic key"),
        ("sk-proj-abcdefghijklm0123456789", "an OpenAI key"),
        ("key AIzaSyA0123456789abcdefghijklmnopqrstu", "a Google key"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "a GitHub token"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "a private key"),
        ("sk-learn-contrib-is-a-package-name", None),
        ("what is an API key", None),
        ("", None),
    ],
)
def test_a_pasted_key_is_named_before_it_is_sent(text: str, kind: str | None) -> None:
    """Strictly: it interrupts a person, so prose must not set it off."""
    assert looks_like_key(text) == kind
