"""API keys as they are kept, in both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conductor_core.errors import StoreError
from conductor_core.keys.key import Scope
from conductor_core.kinds import Source
from conductor_core.store.database import Store
from conductor_core.store.saved import Saved
from tests.conftest import OpenStore
from tests.keys.keys import api_key
from tests.store.rows import finished

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


async def test_what_was_spent_is_all_but_what_one_asks_to_leave_out(store: Store) -> None:
    """By key, within bounds; without drills, without calls of nobody's key, and without this copy's since it began."""
    for given in (
        {"started_at": 1_000, "cost_usd": 1.0},
        {"started_at": 1_500, "cost_usd": 2.0},
        {"started_at": 2_000, "cost_usd": 4.0},
        {"started_at": 1_500, "cost_usd": 8.0, "api_key_id": "b" * 32},
        {"started_at": 1_500, "cost_usd": 16.0, "api_key_id": None},
        {"started_at": 1_500, "cost_usd": 32.0, "source": Source.DRILL},
        {"started_at": 1_500, "cost_usd": None},
    ):
        await store.save_call(finished(None, **{"api_key_id": KEY.id, **given}))
    others = store.copy + 1
    assert store.keys.spent(1_000, 2_000, copy=others, opened=0) == {KEY.id: 3.0, "b" * 32: 8.0}
    assert store.keys.spent(1_000, 2_001, copy=store.copy, opened=1_500) == {KEY.id: 1.0}
    assert store.keys.spent(0, 1_000, copy=others, opened=0) == {}
