"""The key ring, in both databases: who is let in, at once and after a restart, here and in other copies."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from conductor_core.errors import InvalidRequest, LimitReached, NotFound, StoreError, UserError
from conductor_core.keys.key import ENVIRONMENTS, Scope, Wish, digest_of
from conductor_core.keys.ring import MOST_KEYS, KeyRing
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from conductor_core.store.database import Store
from conductor_core.store.saved import Saved
from tests.clock import NOON, Clock
from tests.keys.conftest import OpenRing
from tests.keys.keys import api_key
from tests.store.rows import until

WISH = Wish("laptop", (Scope.CHAT, Scope.READ), budget_day=2.5, tokens_per_minute=9_000, concurrency=4)
OWN = Secret("0123456789abcdef")


async def test_a_key_is_there_at_once_and_after_a_restart(ring: KeyRing, open_ring: OpenRing) -> None:
    """With everything that was asked for; its token lets in, and no other text does."""
    key, token = await ring.create(WISH)
    assert ring.verify(token.reveal()) == key
    again = open_ring()
    assert [(one.id, one.name) for one in again.all()] == [(key.id, "laptop")]
    assert again.verify(token.reveal()) == key
    assert (key.scopes, key.budget_day, key.concurrency) == (frozenset(WISH.scopes), 2.5, 4)
    assert (key.requests_per_minute, key.tokens_per_minute, key.expires_at) == (600, 9_000, None)
    for wrong in (token.reveal()[:-1], token.reveal() + "x", token.reveal().swapcase(), "", "Bearer", "\ud800",
                  "' OR 1=1--", "x" * 1_000_000, key.id, key.prefix):  # fmt: skip
        assert again.verify(wrong) is None


async def test_a_revoked_key_lets_nobody_in_at_once_and_for_ever(ring: KeyRing, open_ring: OpenRing) -> None:
    """Even before that is saved, and after a restart; others are not concerned, and it keeps its name."""
    key, token = await ring.create(WISH)
    _, other = await ring.create(replace(WISH, name="server"))
    revoking = asyncio.ensure_future(ring.revoke(key.id))
    await asyncio.sleep(0)
    assert ring.verify(token.reveal()) is None
    await revoking
    await ring.revoke(key.id)
    again = open_ring()
    for one in (ring, again):
        assert one.verify(token.reveal()) is None
        assert one.verify(other.reveal()) is not None
    gone = again.find(key.id)
    assert gone is not None
    assert (gone.name, gone.revoked_at) == ("laptop", NOON * 1000)
    with pytest.raises(NotFound):
        await ring.revoke("b" * 32)


async def test_a_revocation_that_could_not_be_saved_holds_here_and_can_be_saved_again(
    store: Store, ring: KeyRing, open_ring: OpenRing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails closed; what is saved in the end is when it was first asked for."""

    async def unsaved(*_: object) -> None:
        raise StoreError("The disk is full.")

    key, token = await ring.create(WISH)
    monkeypatch.setattr(store.keys, "revoke", unsaved)
    with pytest.raises(StoreError, match="The disk is full"):
        await ring.revoke(key.id)
    assert ring.verify(token.reveal()) is None
    assert open_ring().verify(token.reveal()) is not None
    monkeypatch.undo()
    clock.now += 60
    await ring.revoke(key.id)
    again = open_ring()
    assert again.verify(token.reveal()) is None
    assert [one.revoked_at for one in again.all()] == [NOON * 1000]


async def test_a_key_expires_by_itself(ring: KeyRing, clock: Clock) -> None:
    """At the moment that was named, without anybody doing anything."""
    _, token = await ring.create(replace(WISH, expires_at=int(NOON * 1000) + 60_000))
    clock.now += 59.999
    assert ring.verify(token.reveal()) is not None
    clock.now += 0.002
    assert ring.verify(token.reveal()) is None


async def test_every_candidate_is_compared_in_constant_time(
    store: Store, open_ring: OpenRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks, whole digests are compared, all that begin alike, and one where nothing does."""
    digest = digest_of("right")
    await store.keys.save(api_key(), digest)
    await store.keys.save(api_key(id="b" * 32, name="alike"), digest[:8] + "0" * 56)
    ring = open_ring()
    compared: list[tuple[str, str]] = []
    really = hmac.compare_digest

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return really(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    found = ring.verify("right")
    assert found is not None
    assert found.name == "laptop"
    assert sorted(compared) == sorted([(digest, digest), (digest, digest[:8] + "0" * 56)])
    compared.clear()
    assert ring.verify("wrong") is None
    assert compared == [(digest_of("wrong"), "0" * 64)]


async def test_letting_in_reads_nothing(ring: KeyRing) -> None:
    """Neither a known nor an unknown token makes the database be asked, nor does admitting a request."""
    key, token = await ring.create(WISH)
    with pytest.MonkeyPatch.context() as unreadable:
        unreadable.setattr(Engine, "connect", _refuse)
        assert ring.verify(token.reveal()) == key
        assert ring.verify("nobody's") is None
        ring.admit(key, 10).settle(10)


async def test_a_key_made_while_others_are_read_stays(
    store: Store, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch may have read the rows just before the new one was committed."""
    rows = store.keys.all()
    key, token = await ring.create(WISH)
    monkeypatch.setattr(store.keys, "version", lambda: (9, 9, 9))
    monkeypatch.setattr(store.keys, "all", lambda: rows)
    ring._look()
    assert ring.verify(token.reveal()) == key
    assert ring.first is None


async def test_a_token_is_in_no_file(tmp_path: Path, ring: KeyRing, store: Store) -> None:
    """Neither whole nor its secret part, a first key's before it is shown included: the database has hashes."""
    _, first = await ring.show_first()
    _, token = await ring.create(WISH)
    files = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    rows = repr(store.keys.all())
    for secret in (first, token):
        assert digest_of(secret.reveal()) in rows
        assert not any(secret.reveal()[12:].encode() in held for held in files)


async def test_the_first_key_is_shown_once(
    ring: KeyRing, open_ring: OpenRing, caplog: pytest.LogCaptureFixture
) -> None:
    """It is made at the first start, may ask and read, and is saved when its token is seen, which is then forgotten."""
    assert ring.all() == []
    assert open_ring().first is not None
    offered = ring.first
    assert offered is not None
    key, token = await ring.show_first()
    assert key == offered
    assert (key.name, sorted(key.scopes), key.requests_per_minute) == ("first key", ["chat", "read"], 600)
    assert ring.first is None
    with pytest.raises(NotFound, match="shown already"):
        await ring.show_first()
    again = open_ring()
    assert again.first is None
    for one in (ring, again):
        assert one.verify(token.reveal()) == key
    assert token.reveal() not in caplog.text
    assert token.reveal() not in repr(vars(ring))


async def test_there_is_no_first_key_where_there_is_another(ring: KeyRing, open_ring: OpenRing) -> None:
    """Neither beside `CONDUCTOR_API_KEY` nor once a key was made, be it revoked."""
    assert open_ring(OWN).first is None
    key, _ = await ring.create(WISH)
    assert ring.first is None
    await ring.revoke(key.id)
    assert ring.first is None
    assert open_ring().first is None


async def test_the_environments_key(open_ring: OpenRing) -> None:
    """It may do everything, has a name and a limit, has no row, and is not for the page to take back."""
    ring = open_ring(OWN)
    key = ring.verify(OWN.reveal())
    assert key is not None
    assert (key.id, key.name, key.scopes) == (ENVIRONMENTS, "CONDUCTOR_API_KEY", frozenset(Scope))
    assert key.requests_per_minute == 600
    with pytest.raises(UserError, match="CONDUCTOR_API_KEY: take the variable back where it is set"):
        await ring.revoke(key.id)
    assert [one.id for one in open_ring().all()] == []
    ring.apply(Settings(api_key=Secret("another-key-of-mine")))
    assert ring.verify(OWN.reveal()) is None
    assert ring.verify("another-key-of-mine") is not None
    ring.apply(Settings(api_key=Secret("another-key-of-mine"), api_key_requests=0))
    unlimited = ring.verify("another-key-of-mine")
    assert unlimited is not None
    assert [ring.admit(unlimited, 1).headers() for _ in range(601)][-1] == {}
    ring.apply(Settings())
    assert ring.verify("another-key-of-mine") is None
    ring.admit(key, 1).settle(1)


async def test_what_is_refused_is_named(ring: KeyRing) -> None:
    """A name that is taken, however it is written; a revoked key's is free again."""
    key, _ = await ring.create(WISH)
    for name in ("LAPTOP", "ｌａｐｔｏｐ"):
        with pytest.raises(InvalidRequest, match="There is a key named “laptop” already") as refused:
            await ring.create(replace(WISH, name=name))
        assert refused.value.field == "name"
    await ring.revoke(key.id)
    await ring.create(WISH)
    assert sorted(one.name for one in ring.all()) == ["laptop", "laptop"]


async def test_there_is_an_end_to_them(store: Store, open_ring: OpenRing) -> None:
    """A list that nobody can look through is refused; revoked ones do not count."""
    rows = [
        store.keys.save(api_key(id=f"{number:032x}", name=f"Key {number}"), f"{number:064x}")
        for number in range(MOST_KEYS)
    ]
    await asyncio.gather(*map(_kept, rows))
    ring = open_ring()
    with pytest.raises(InvalidRequest, match=f"There are {MOST_KEYS} keys already"):
        await ring.create(WISH)
    await ring.revoke(f"{7:032x}")
    await ring.create(WISH)


async def test_a_key_that_has_used_up_its_limit_disturbs_no_other(ring: KeyRing) -> None:
    """Nor does making another key give it its requests back."""
    crowd, _ = await ring.create(replace(WISH, requests_per_minute=3))
    quiet, _ = await ring.create(replace(WISH, name="quiet"))
    for _ in range(3):
        ring.admit(crowd, 1).settle(1)
    await ring.create(replace(WISH, name="third"))
    with pytest.raises(LimitReached, match="The key “laptop” may make 3 requests a minute"):
        ring.admit(crowd, 1)
    for _ in range(100):
        ring.admit(quiet, 1).settle(1)


async def test_when_a_key_was_used_is_known_at_once_and_saved_once_a_minute(
    store: Store, ring: KeyRing, open_ring: OpenRing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is used; the rest is saved when the ring is closed."""
    saved: list[int] = []
    save = store.keys.used

    def noted(id: str, at: int) -> Saved:
        saved.append(at)
        return save(id, at)

    monkeypatch.setattr(store.keys, "used", noted)
    _, token = await ring.create(WISH)
    assert ring.all()[0].last_used_at is None
    for _ in range(1_000):
        clock.now += 0.0625
        ring.verify(token.reveal())
    assert ring.all()[0].last_used_at == int(clock.now * 1000)
    assert saved == [int(NOON * 1000) + 62, int(NOON * 1000) + 60_062]
    ring.close()
    assert saved[2:] == [int(clock.now * 1000)]
    ring.verify("nobody's")
    await store.keys.revoke("c" * 32, 1)  # written after what was saved before it
    assert open_ring().all()[0].last_used_at == int(clock.now * 1000)


async def test_what_one_copy_does_holds_in_the_others(tmp_path: Path, postgres_url: Secret, clock: Clock) -> None:
    """A new key lets in there, a revoked one does not, within a second: nobody has to ask for it."""
    stores = [Store.open(tmp_path / name, database_url=postgres_url) for name in ("one", "two")]
    one, two = (KeyRing(store, Settings(), clock=clock) for store in stores)
    one.open()
    two.open()
    assert two.first is not None
    key, token = await one.create(WISH)
    await asyncio.to_thread(until, lambda: two.verify(token.reveal()) == key, 2.0)
    assert two.first is None
    await asyncio.to_thread(until, lambda: one.all()[0].last_used_at == int(NOON * 1000), 2.0)
    await two.revoke(key.id)
    await asyncio.to_thread(until, lambda: one.verify(token.reveal()) is None, 2.0)
    for ring in (one, two):
        ring.close()
    for store in stores:
        store.close()


def test_a_file_is_not_watched(tmp_path: Path) -> None:
    """Nobody else writes into it: no thread, no look."""
    store = Store.open(tmp_path / "home")
    ring = KeyRing(store, Settings())
    ring.open()
    assert not store.shared
    assert not ring._watch.looks
    ring.close()
    store.close()


async def _kept(row: Saved) -> None:
    await row


def _refuse(*_: object) -> None:
    raise AssertionError("the database was asked")
