"""A store of each test's own, on a real file and on a real server, and key rings on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conductor_core.keys.ring import KeyRing
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from conductor_core.store.database import Store
from tests.clock import Clock

OpenRing = Callable[..., KeyRing]
"""Opens a ring on the test's store, as a restart does: `open_ring()`, or with a `CONDUCTOR_API_KEY`."""


@pytest.fixture
def clock() -> Clock:
    """What rings go by."""
    return Clock()


@pytest.fixture
def open_ring(store: Store, clock: Clock) -> Iterator[OpenRing]:
    """Every ring it opened is closed in the end."""
    opened: list[KeyRing] = []

    def open_one(api_key: Secret | None = None, of: Store = store) -> KeyRing:
        ring = KeyRing(of, Settings(api_key=api_key), clock=clock)
        opened.append(ring)
        ring.open()
        return ring

    yield open_one
    for ring in opened:
        ring.close()


@pytest.fixture
def ring(open_ring: OpenRing) -> KeyRing:
    """A ring of an installation that never had a key."""
    return open_ring()
