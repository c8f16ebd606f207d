"""The key ring: every API key of an installation in memory, so that a request is let in or kept out without any I/O.

Keys are in the database; this process's changes hold at once, those of other copies of the app on the same database as
soon as the watch has seen them. A key is only ever made, used or revoked, so three numbers tell that something changed.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from conductor_core.errors import InvalidRequest, NotFound, UserError
from conductor_core.keys.budget import KeyBudgets
from conductor_core.keys.key import ENVIRONMENTS, FIRST, ApiKey, Wish, digest_of, environments_key, key_for, new_token
from conductor_core.keys.limits import Admission, Limits
from conductor_core.names import refuse_taken
from conductor_core.secret import Secret
from conductor_core.settings import PREFIX, Settings
from conductor_core.watch import Watch

if TYPE_CHECKING:
    from conductor_core.store.database import Store

VARIABLE = f"{PREFIX}API_KEY"
MOST_KEYS = 200
"""Keys that let somebody in."""
USE_SAVED = 60_000
"""Milliseconds: when a key was last used is saved so often at most."""

_PLACE = 8  # hexadecimal digits by which candidates are found: what is secret of a digest is compared in constant time


@dataclass(slots=True)
class _Held:
    """One key as this process has it."""

    key: ApiKey
    digest: str
    limits: Limits
    used_at: int = 0
    saved_at: int = 0


@dataclass(slots=True)
class _First:
    """The key that is made at the first start: its token is here until somebody has seen it, and nowhere else."""

    key: ApiKey
    token: Secret = field(repr=False)


class KeyRing:
    """The keys of one installation. Coroutines run on the Conductor's loop; all else may be asked by any thread.

    Attributes:
        budgets: what each key may spend.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        """
        Args:
            clock: UTC seconds.
            zone: whose days budgets go by; None: the machine's.
        """
        self._store = store
        self._clock = clock
        self._environments = _of_environment(settings)
        self._rows: list[tuple[ApiKey, str]] = []
        self._revoked: dict[str, int] = {}
        self._first: _First | None = None
        self._held: dict[str, _Held] = {}
        self._candidates: dict[str, tuple[_Held, ...]] = {}
        # Compared with where there is no candidate, so that a stranger learns nothing from the time it takes.
        nobody = ApiKey("", "", "", frozenset(), created_at=0, revoked_at=0)
        self._nobody = (_Held(nobody, "0" * 64, Limits(nobody)),)
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._watch = Watch("keys", self._look)
        self.budgets = KeyBudgets(store, self.find, clock=clock, zone=zone)

    def open(self) -> None:
        """Reads the keys, makes the first one where there is none, and watches for what other copies do.

        Raises:
            StoreError: they can't be read.
        """
        self._read()
        if self._store.shared:
            self._watch.start()

    def close(self) -> None:
        """Ends the watch and notes when keys were last used."""
        self._watch.stop()
        for held in list(self._held.values()):
            if held.used_at > held.saved_at:
                self._save_use(held)

    def apply(self, settings: Settings) -> None:
        """Puts a changed `CONDUCTOR_API_KEY` in force."""
        environments = _of_environment(settings)
        if environments != self._environments:
            self._environments = environments
            self._arrange()

    def verify(self, token: str) -> ApiKey | None:
        """Whose token this is; None: nobody's, or a key's that was revoked or has expired."""
        digest, now = digest_of(token), self._now()
        found: _Held | None = None
        for held in self._candidates.get(digest[:_PLACE], self._nobody):
            if hmac.compare_digest(digest, held.digest) and held.key.lets_in(now):
                found = held
        if found is None:
            return None
        self._note_use(found, now)
        return found.key

    def admit(self, key: ApiKey, prompt_tokens: int) -> Admission:
        """Takes a request from what a key may do in a minute; settle it once it has ended.

        Raises:
            LimitReached: names the key and the limit, and says when there is room again.
        """
        held = self._held.get(key.id)
        return (held.limits if held else Limits(key)).admit(prompt_tokens)

    async def create(self, wish: Wish) -> tuple[ApiKey, Secret]:
        """Makes a key. Its token is here for the last time.

        Raises:
            InvalidRequest: a field is out of its bounds, the name is taken, or there are too many keys.
            StoreError: it could not be saved.
        """
        token = new_token()
        key = key_for(wish, token, self._now())
        live = [other for other in self.all() if other.lets_in(key.created_at)]
        if len(live) >= MOST_KEYS:
            raise InvalidRequest(f"There are {MOST_KEYS} keys already. Revoke one first.", "keys")
        refuse_taken("key", key.name, live)
        await self._save(key, token)
        return key, token

    @property
    def first(self) -> ApiKey | None:
        """The key that was made at the first start, while nobody has seen its token."""
        return self._first.key if self._first else None

    async def show_first(self) -> tuple[ApiKey, Secret]:
        """The first key with its token, which is forgotten by this.

        It is saved only now: a key whose token was lost with a process would be of no use to anybody.

        Raises:
            NotFound: it was shown already, or there are other keys.
            StoreError: it could not be saved.
        """
        first = self._first
        if first is None:
            raise NotFound("The first key's token was shown already. Make another key, and revoke that one.")
        await self._save(first.key, first.token)
        return first.key, first.token

    async def revoke(self, id: str) -> None:
        """Takes a key back, here at once and in other copies within a second. One that was revoked stays so.

        Raises:
            NotFound: there is no such key.
            UserError: it is `CONDUCTOR_API_KEY`.
            StoreError: that could not be saved: it lets nobody in here, but may again after a restart.
        """
        key = self.find(id)
        if key is None:
            raise NotFound("There is no such key.")
        if key.is_environments:
            raise UserError(f"This key is {VARIABLE}: take the variable back where it is set, and start anew.")
        with self._lock:
            if any(row.id == id and row.revoked_at is not None for row, _ in self._rows):
                return
            at = self._revoked.setdefault(id, self._now())  # asked again after a fault, it is saved again
        self._arrange()
        await self._store.keys.revoke(id, at)

    def all(self) -> list[ApiKey]:
        """Every key, that of the environment first, then the newest; revoked ones too."""
        held = list(self._held.values())
        return [replace(one.key, last_used_at=max(one.used_at, one.key.last_used_at or 0) or None) for one in held]

    def find(self, id: str) -> ApiKey | None:
        """The key of an id, also a revoked one."""
        held = self._held.get(id)
        return held.key if held else None

    def name_of(self, id: str) -> str:
        """The name of a key, also of a revoked one; the id itself where nobody knows it."""
        key = self.find(id)
        return key.name if key else VARIABLE if id == ENVIRONMENTS else id

    async def _save(self, key: ApiKey, token: Secret) -> None:
        digest = digest_of(token.reveal())
        if key.budget_day is not None:
            await asyncio.to_thread(self.budgets.load)
        await self._store.keys.save(key, digest)
        with self._lock:
            if all(known.id != key.id for known, _ in self._rows):
                self._rows = [(key, digest), *self._rows]
        self._arrange()

    def _read(self) -> None:
        """Takes over what the database has."""
        version = self._store.keys.version()
        rows = self._store.keys.all()
        read = {key.id for key, _ in rows}
        with self._lock:
            # Rows are never deleted: one that was not read was made here meanwhile.
            made = [row for row in self._rows if row[0].id not in read]
            self._rows, self._seen = [*made, *rows], version
        self._arrange()
        if any(key.budget_day is not None for key, _ in rows):
            self.budgets.load()

    def _arrange(self) -> None:
        """Makes what requests are looked up in, and puts it in place at once."""
        with self._lock:
            known = [(self._as_here(key), digest) for key, digest in self._rows]
            if self._environments:
                known.insert(0, self._environments)
            self._first = (self._first or self._new_first()) if not known else None
            held: dict[str, _Held] = {}
            candidates: dict[str, tuple[_Held, ...]] = {}
            for key, digest in known:
                before = self._held.get(key.id)
                same = before and before.digest == digest and before.key.requests_per_minute == key.requests_per_minute
                one = before if before and same else _Held(key, digest, Limits(key))
                one.key = key
                held[key.id] = one
                candidates[digest[:_PLACE]] = (*candidates.get(digest[:_PLACE], ()), one)
            self._held, self._candidates = held, candidates

    def _as_here(self, key: ApiKey) -> ApiKey:
        revoked = self._revoked.get(key.id)
        return key if revoked is None or key.revoked_at is not None else replace(key, revoked_at=revoked)

    def _new_first(self) -> _First:
        token = new_token()
        return _First(key_for(FIRST, token, self._now()), token)

    def _look(self) -> None:
        """What the watch does: one statement that counts a few rows."""
        if self._store.keys.version() != self._seen:
            self._read()
        if any(key.budget_day is not None for key, _ in self._rows):
            self.budgets.look()

    def _note_use(self, held: _Held, now: int) -> None:
        held.used_at = now
        if now - held.saved_at >= USE_SAVED:
            self._save_use(held)

    def _save_use(self, held: _Held) -> None:
        held.saved_at = held.used_at
        if not held.key.is_environments:
            self._store.keys.used(held.key.id, held.used_at)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _of_environment(settings: Settings) -> tuple[ApiKey, str] | None:
    """The key that the environment gives, with its digest."""
    if settings.api_key is None:
        return None
    return environments_key(VARIABLE, settings.api_key_requests or None), digest_of(settings.api_key.reveal())
