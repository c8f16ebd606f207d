"""Idempotency keys: a request that is sent again gets the same answer, and is asked once.

As OpenAI's, Anthropic's and Stripe's clients send them (draft-ietf-httpapi-idempotency-key-header). Only whole answers
are kept, in memory and for five minutes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from conductor_core.api.access import admit
from conductor_core.api.asking import Asking
from conductor_core.api.installation import conductor_of
from conductor_core.errors import InvalidRequest

_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole answer as it was sent, for whoever asks again under the same idempotency key."""

    body: bytes
    headers: dict[str, str]


def idempotency_key(request: Request, *, stream: bool) -> str | None:
    """The key a request is sent under, if it is.

    Raises:
        InvalidRequest: it is none, or the answer is to be a stream.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key: must be 1 to 255 visible ASCII characters.", "Idempotency-Key")
    if stream:
        raise InvalidRequest(
            "stream: must be false with an Idempotency-Key, since only whole answers are kept.", "stream"
        )
    return key


async def once(
    request: Request, asking: Asking, key: str, value: Any, whole: Callable[[], Awaitable[bytes]]
) -> Response:
    """The answer under a key. It is finished and kept even when its client goes meanwhile.

    A repetition counts against the limits of its API key like any request, and from when it comes: one that waits for
    the first one's answer is a request that runs.

    Args:
        value: what was asked; the address counts as part of it.
        whole: asks, and makes the body of the answer.

    Raises:
        AnotherSubmission: the key was used for something else.
        LimitReached: names the limit.
        Whatever `whole` does.
    """
    visit = asking.visit
    assert visit.key is not None, "a key was let in"
    repeated = False

    def ask() -> Coroutine[Any, Any, Kept]:
        asking.admit()  # now, or a repetition could take its place
        return answered()

    async def answered() -> Kept:
        return Kept(await whole(), asking.facts(whole=True))

    def again() -> None:
        nonlocal repeated
        repeated = True
        admit(request, 0)

    said = orjson.dumps([request.scope["path"], value], option=orjson.OPT_SORT_KEYS)
    kept = await conductor_of(request).submissions.once(f"{visit.key.id} {key}", ask, sha256(said).digest(), again)
    if repeated:
        visit.tell({**kept.headers, "x-conductor-replayed": "true"})
    return Response(kept.body, media_type="application/json")
