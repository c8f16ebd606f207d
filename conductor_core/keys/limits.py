"""How much one key may do: requests and tokens a minute, and requests at the same time.

Token buckets, as OpenAI and Anthropic have them, whose clients know how to wait for one: a bucket holds a minute's
worth and refills evenly. One costs two numbers and no history however high its limit, whoever has used it up comes
through again in the pace of the limit instead of all at once when a minute ends, and what an answer really took can be
put right afterwards. The price: after a quiet minute a minute may see up to twice the limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from conductor_core.errors import LimitReached
from conductor_core.keys.key import ApiKey

MINUTE = 60.0
_ROUNDING = 1e-6
_SOON = 1.0  # seconds: nobody knows when a running request ends


class Standing(NamedTuple):
    """How a bucket stands: its size, what is left of it, and the seconds until it is full again."""

    limit: int
    left: float
    full_in: float


class Bucket:
    """Holds up to `limit` of something, refilled evenly within a minute.

    It may owe: what an answer took is known only once it has ended.
    """

    __slots__ = ("_at", "_level", "limit")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self._level = float(limit)
        self._at = now

    def wait(self, amount: int, now: float) -> float | None:
        """Seconds until it holds so much; 0: it does. None: it never will."""
        if amount > self.limit:
            return None
        missing = amount - self._refilled(now)
        return missing * MINUTE / self.limit if missing > _ROUNDING else 0.0

    def take(self, amount: int, now: float) -> None:
        """Takes out, whether or not it holds so much; puts back what is negative."""
        self._level = min(float(self.limit), self._refilled(now) - amount)

    def standing(self, now: float) -> Standing:
        """How it stands."""
        level = self._refilled(now)
        return Standing(self.limit, max(0.0, level), (self.limit - level) * MINUTE / self.limit)

    def _refilled(self, now: float) -> float:
        if now > self._at:
            self._level = min(float(self.limit), self._level + (now - self._at) * self.limit / MINUTE)
            self._at = now
        return self._level


class Limits:
    """The limits of one key, in this process. Any thread may ask."""

    def __init__(self, key: ApiKey, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: seconds, which never go back.
        """
        self._name = key.name
        self._clock = clock
        now = clock()
        self._requests = Bucket(key.requests_per_minute, now) if key.requests_per_minute else None
        self._tokens = Bucket(key.tokens_per_minute, now) if key.tokens_per_minute else None
        self._most_running = key.concurrency
        self._running = 0
        self._lock = threading.Lock()

    def admit(self, tokens: int) -> Admission:
        """Takes one request of so many tokens from every limit; nothing when one has no room.

        Raises:
            LimitReached: names the limit, and says when there is room again.
        """
        with self._lock:
            now = self._clock()
            self._refuse_if_full(tokens, now)
            self._running += 1
            if self._requests:
                self._requests.take(1, now)
            if self._tokens:
                self._tokens.take(tokens, now)
            return Admission(self, tokens, self._headers(now))

    def settle(self, reserved: int, used: int) -> None:
        """Ends a request: puts what it used in place of what was reserved."""
        with self._lock:
            self._running -= 1
            if self._tokens:
                self._tokens.take(used - reserved, self._clock())

    def _refuse_if_full(self, tokens: int, now: float) -> None:
        whose = f"The key “{self._name}” may"
        if self._most_running is not None and self._running >= self._most_running:
            words = f"{whose} have {_counted(self._most_running, 'request')} running at the same time, and has."
            raise self._reached(f"{words} Try again when one has ended.", _SOON, now)
        if self._requests and (wait := self._requests.wait(1, now)):
            words = f"{whose} make {_counted(self._requests.limit, 'request')} a minute, and has."
            raise self._reached(f"{words} Try again in {_seconds(wait)}.", wait, now)
        if not self._tokens or not tokens:
            return
        spends = f"{whose} use {_counted(self._tokens.limit, 'token')} a minute"
        wait = self._tokens.wait(tokens, now)
        if wait is None:
            words = f"{spends}, and this prompt alone has about {tokens:,}. Send a shorter one, or use another key."
            raise self._reached(words, None, now)
        if wait:
            raise self._reached(f"{spends}, and has. Try again in {_seconds(wait)}.", wait, now)

    def _reached(self, sentence: str, wait: float | None, now: float) -> LimitReached:
        return LimitReached(sentence, retry_after=wait, headers=self._headers(now))

    def _headers(self, now: float) -> dict[str, str]:
        """As OpenAI names them; only of limits there are."""
        found = {}
        for what, bucket in (("requests", self._requests), ("tokens", self._tokens)):
            if bucket:
                stands = bucket.standing(now)
                found[f"x-ratelimit-limit-{what}"] = str(stands.limit)
                found[f"x-ratelimit-remaining-{what}"] = str(int(stands.left + _ROUNDING))
                found[f"x-ratelimit-reset-{what}"] = duration(stands.full_in)
        return found


class Admission:
    """One request that was let in: settle it once it has ended. As a context it settles itself, where nobody did."""

    def __init__(self, limits: Limits, tokens: int, headers: dict[str, str]) -> None:
        self._limits: Limits | None = limits
        self._tokens = tokens
        self._headers = headers

    def headers(self) -> dict[str, str]:
        """`x-ratelimit-…`, as the limits stood when it was let in; only of limits there are."""
        return dict(self._headers)

    def settle(self, tokens: int) -> None:
        """Ends the request. A second time does nothing.

        What it cost is not asked for: the gateway takes it from the key's budget, attempt by attempt.

        Args:
            tokens: of prompt and answer, as the provider counted them; 0 where nothing was sent.
        """
        limits, self._limits = self._limits, None
        if limits:
            limits.settle(self._tokens, tokens)

    def __enter__(self) -> Admission:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle(self._tokens)


def duration(seconds: float) -> str:
    """As OpenAI writes one: `20ms`, `1.5s`, `6m0s`."""
    milliseconds = round(max(0.0, seconds) * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    words = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{words}s" if minutes else f"{words}s"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _seconds(wait: float) -> str:
    """A wait in whole seconds, rounded up."""
    return f"{int(-(-wait // 1)):,} s"
