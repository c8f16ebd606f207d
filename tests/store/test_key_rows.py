"""API keys as they are kept, in both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conductor_core.errors import StoreError
from conductor_core.keys.key import Scope
from conductor_core.store.database import Store
from conductor_core.store.saved import Saved
from tests.conftest import OpenStore
from tests.keys.keys import api_key

KEY = api_key(
    scopes=frozenset({Scope.READ, Scope.CONVERSATIONS}),
    created_at=1_700_000_000_000,
    expires_at=1_800_000_000_000,
    budget_day=2.5,
    requests_per_minute=600,
    tokens_per_minute=1_000_000_000,
    concurrency=4,
)
DIGEST = "d" * 64


async def test_a_key_comes_back_as_it_was(open_store: OpenStore) -> None:
    """Every field, after a restart; the newest first; saved twice it is one."""
    store = open_store()
    await store.keys.save(KEY, DIGEST)
    await store.keys.save(KEY, DIGEST)
    await store.keys.save(api_key(id="b" * 32, created_at=1_700_000_000_001), "e" * 64)
    store.close()
    store = open_store()
    found = store.keys.all()
    store.close()
    assert found[1] == (KEY, DIGEST)
    assert [key.id for key, _ in found] == ["b" * 32, KEY.id]


async def test_two_keys_never_have_one_token(store: Store) -> None:
    """Whatever goes wrong elsewhere, a token says whose it is."""
    await store.keys.save(KEY, DIGEST)
    with pytest.raises(StoreError):
        await store.keys.save(api_key(id="b" * 32), DIGEST)


async def test_every_change_makes_another_version(store: Store) -> None:
    """A new key, a revocation, a use; and nothing else does."""
    versions = [store.keys.version()]
    changes: tuple[Callable[[], Saved], ...] = (
        lambda: store.keys.save(KEY, DIGEST),
        lambda: store.keys.used(KEY.id, 5),
        lambda: store.keys.save(api_key(id="b" * 32), "e" * 64),
        lambda: store.keys.revoke(KEY.id, 6),
        lambda: store.keys.used(KEY.id, 7),
    )
    for change in changes:
        await change()
        versions.append(store.keys.version())
    assert len(set(versions)) == len(versions)
    await store.keys.save(KEY, DIGEST)
    assert store.keys.version() == versions[-1]
    found = {key.id: key for key, _ in store.keys.all()}
    assert (found[KEY.id].revoked_at, found[KEY.id].last_used_at) == (6, 7)
