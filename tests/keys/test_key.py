"""What a key is made of, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from conductor_core.errors import InvalidRequest
from conductor_core.keys.key import LONGEST_TOKEN, Scope, Wish, digest_of, key_for, new_token, shown_of
from conductor_core.redaction import MASK, Redactor, looks_like_key
from tests.keys.keys import api_key

WISH = Wish("laptop", (Scope.CHAT,))
NOW = 1_700_000_000_000


def test_a_token_is_256_bits_that_never_repeat() -> None:
    """43 url-safe characters after the beginning, others each time."""
    tokens = {new_token().reveal() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"sk-cond-[\w-]{43}", token, re.ASCII) for token in tokens)


def test_a_token_is_redacted_wherever_it_stands_and_its_beginning_is_not() -> None:
    """The redactor knows it by its looks, so nobody has to remember it; what Settings shows of it stays readable."""
    for _ in range(200):
        token = new_token()
        said = f'{{"a": "{token.reveal()}"}} Bearer {token.reveal()} ?key={token.reveal()}'
        cleaned = Redactor().clean(said)
        assert token.reveal()[12:] not in cleaned
        assert MASK in cleaned
        assert Redactor().clean(f"The key {shown_of(token)}… is new.") == f"The key {shown_of(token)}… is new."
    assert looks_like_key("sk-cond-0123456789abcdefghijABCDEFGHIJ0123456789abc") == "a key of Conductor's API"


def test_a_key_keeps_nothing_of_its_token_but_the_beginning() -> None:
    """Neither its fields nor its text hold the rest."""
    token = new_token()
    key = key_for(WISH, token, NOW)
    assert token.reveal()[12:] not in repr(key)
    assert key.prefix == token.reveal()[:12]


@pytest.mark.parametrize(("expires", "revoked", "now", "open"), [
    (None, None, 5, True), (6, None, 5, True), (5, None, 5, False), (None, 4, 5, False), (9, 4, 5, False),
])  # fmt: skip
def test_a_key_lets_in_until_it_expires_or_is_revoked(
    expires: int | None, revoked: int | None, now: int, open: bool
) -> None:
    """From the very millisecond on."""
    assert api_key(expires_at=expires, revoked_at=revoked).lets_in(now) is open


def test_a_token_that_is_too_long_is_not_read_to_its_end() -> None:
    """A megabyte costs no more than what could be a token; none of the longest that could is confused with it."""
    longest = "x" * LONGEST_TOKEN
    assert digest_of(longest) != digest_of(longest + "x")
    assert digest_of(longest + "x") == digest_of("x" * 1_000_000)
    assert len(digest_of("\ud800 \0 日本")) == 64


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": "\u200b "}, "name", "The key has no name. Type at least one visible character."),
        ({"name": "x" * 61}, "name", "The name has 61 characters; the limit is 60."),
        ({"scopes": ()}, "scopes", "A key needs at least one scope: chat, read, conversations."),
        ({"expires_at": NOW}, "expires_at", "The key would have expired already. Choose a day to come."),
        ({"budget_day": -1.0}, "budget_day", "budget_day is 0 to 1,000,000 USD, or nothing for no limit."),
        ({"budget_day": float("nan")}, "budget_day", "budget_day is 0 to 1,000,000 USD, or nothing for no limit."),
        ({"requests_per_minute": 0}, "requests_per_minute",
         "requests_per_minute is 1 to 1,000,000,000, or nothing for no limit."),
        ({"tokens_per_minute": 10**10}, "tokens_per_minute",
         "tokens_per_minute is 1 to 1,000,000,000, or nothing for no limit."),
        ({"concurrency": -1}, "concurrency", "concurrency is 1 to 10,000, or nothing for no limit."),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(change: dict[str, object], field: str, said: str) -> None:
    """The field and its bound, in a sentence."""
    with pytest.raises(InvalidRequest) as refused:
        key_for(replace(WISH, **change), new_token(), NOW)  # type: ignore[arg-type]  # a test's own fields
    assert (refused.value.field, str(refused.value)) == (field, said)


def test_a_name_is_kept_as_it_reads() -> None:
    """On one line, without what no database keeps."""
    assert key_for(replace(WISH, name=" my\n laptop\0 "), new_token(), NOW).name == "my laptop"
