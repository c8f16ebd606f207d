"""An API key: what it may do, and its token, which is shown once and kept only as a hash.

A token has 256 random bits, so a plain SHA-256 of it can't be turned back; slow hashes are for what people make up.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from secrets import token_hex, token_urlsafe

from conductor_core.errors import InvalidRequest
from conductor_core.names import checked_name
from conductor_core.secret import Secret

BEGINNING = "sk-cond-"
LONGEST_TOKEN = 512
"""Characters; a longer one is nobody's."""
REQUESTS_PER_MINUTE = 600
"""What a new key may do unless somebody says otherwise."""
MOST_PER_MINUTE = 1_000_000_000
MOST_AT_ONCE = 10_000
MOST_USD = 1_000_000.0

ENVIRONMENTS = "environment"
"""The id of the key that `CONDUCTOR_API_KEY` gives; it has no row."""

_RANDOM_BYTES = 32
_SHOWN = len(BEGINNING) + 4  # the redactor takes what has eight characters or more after the beginning


class Scope(StrEnum):
    """What a key may be used for."""

    CHAT = "chat"
    """To ask models."""
    READ = "read"
    """Status, providers, models, calls and metrics."""
    CONVERSATIONS = "conversations"
    """What was said: to list, read and export it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its token. Fields are columns of `api_keys`; times are UTC in ms, None is "no limit" or "never".

    Attributes:
        name: for people.
        prefix: how its token begins.
        budget_day: USD by the machine's days.
        concurrency: requests at the same time.
    """

    id: str
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    budget_day: float | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    last_used_at: int | None = None

    def lets_in(self, now: int) -> bool:
        """Whether it is neither revoked nor expired at a moment (UTC ms)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def is_environments(self) -> bool:
        """Whether it is `CONDUCTOR_API_KEY`: the owner of the process takes it back, nobody else."""
        return self.id == ENVIRONMENTS


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a new key.

    Attributes:
        expires_at: UTC in ms; None: never.
        budget_day: USD.
    """

    name: str
    scopes: Collection[Scope]
    expires_at: int | None = None
    budget_day: float | None = None
    requests_per_minute: int | None = REQUESTS_PER_MINUTE
    tokens_per_minute: int | None = None
    concurrency: int | None = None


FIRST = Wish("first key", (Scope.CHAT, Scope.READ))
"""What is made at the first start."""


def environments_key(variable: str, requests_per_minute: int | None) -> ApiKey:
    """The key that a variable gives: it may do everything."""
    return ApiKey(ENVIRONMENTS, variable, "", frozenset(Scope), created_at=0, requests_per_minute=requests_per_minute)


def new_token() -> Secret:
    """A token nobody can guess."""
    return Secret(BEGINNING + token_urlsafe(_RANDOM_BYTES))


def shown_of(token: Secret) -> str:
    """How a token begins, for people to tell keys apart by."""
    return token.reveal()[:_SHOWN]


def digest_of(token: str) -> str:
    """SHA-256 in hexadecimal digits. Of what is too long for a token only the beginning is looked at."""
    return sha256(token[: LONGEST_TOKEN + 1].encode("utf-8", "surrogatepass")).hexdigest()


def key_for(wish: Wish, token: Secret, now: int) -> ApiKey:
    """The key that was wished for, made at a moment (UTC ms).

    Raises:
        InvalidRequest: a field is out of its bounds.
    """
    if not wish.scopes:
        raise InvalidRequest(f"A key needs at least one scope: {', '.join(Scope)}.", "scopes")
    if wish.expires_at is not None and wish.expires_at <= now:
        raise InvalidRequest("The key would have expired already. Choose a day to come.", "expires_at")
    for field, most in (
        ("requests_per_minute", MOST_PER_MINUTE),
        ("tokens_per_minute", MOST_PER_MINUTE),
        ("concurrency", MOST_AT_ONCE),
    ):
        _check_count(field, getattr(wish, field), most)
    usd = wish.budget_day
    if usd is not None and not (math.isfinite(usd) and 0 <= usd <= MOST_USD):
        raise InvalidRequest(f"budget_day is 0 to {MOST_USD:,.0f} USD, or nothing for no limit.", "budget_day")
    return ApiKey(
        id=token_hex(16),
        name=checked_name("key", wish.name),
        prefix=shown_of(token),
        scopes=frozenset(wish.scopes),
        created_at=now,
        expires_at=wish.expires_at,
        budget_day=usd,
        requests_per_minute=wish.requests_per_minute,
        tokens_per_minute=wish.tokens_per_minute,
        concurrency=wish.concurrency,
    )


def _check_count(field: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise InvalidRequest(f"{field} is 1 to {most:,}, or nothing for no limit.", field)
