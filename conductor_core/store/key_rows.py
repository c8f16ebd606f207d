"""API keys: as they are kept, read and written. A row is never deleted: calls go on naming its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson
from sqlalchemy import Executable, func, select

from conductor_core.keys.key import ApiKey, Scope
from conductor_core.store.saved import Saved
from conductor_core.store.statements import Statements
from conductor_core.store.tables import api_keys
from conductor_core.store.writer import Writer

_columns = [api_keys.c[field.name] for field in fields(ApiKey)]
_ROW = api_keys.columns.keys()
_SCOPES = [field.name for field in fields(ApiKey)].index("scopes")


class KeyRows:
    """The keys of one store. Reads may come from any thread."""

    def __init__(self, rows: Callable[[Executable], list[Any]], writer: Writer, statements: Statements) -> None:
        self._rows = rows
        self._writer = writer
        self._statements = statements

    def all(self) -> list[tuple[ApiKey, str]]:
        """Every key with its token's digest, the newest first."""
        found = self._rows(select(*_columns, api_keys.c.digest).order_by(api_keys.c.created_at.desc(), api_keys.c.id))
        return [(_key_from(row[:-1]), row[-1]) for row in found]

    def version(self) -> tuple[int, int, int]:
        """Another one once there is another key, one more is revoked, or a use was noted: none of it is ever undone."""
        what = (func.count(), func.count(api_keys.c.revoked_at), func.max(api_keys.c.last_used_at))
        [(keys, revoked, used)] = self._rows(select(*what).select_from(api_keys))
        return keys, revoked, used or 0

    def save(self, key: ApiKey, digest: str) -> Saved:
        """Inserts a key."""
        row = {**{field.name: getattr(key, field.name) for field in fields(ApiKey)}, "digest": digest}
        row["scopes"] = orjson.dumps(sorted(key.scopes)).decode()
        return self._writer.submit(self._statements.save_key, tuple(row[name] for name in _ROW), key.id)

    def revoke(self, id: str, at: int) -> Saved:
        """Notes since when (UTC ms) a key lets nobody in."""
        return self._writer.submit(self._statements.revoke_key, (at, id), id)

    def used(self, id: str, at: int) -> Saved:
        """Notes when a key was last used (UTC ms)."""
        return self._writer.submit(self._statements.use_key, (at, id), id, patient=True)


def _key_from(row: Any) -> ApiKey:
    values = list(row)
    values[_SCOPES] = frozenset(map(Scope, values[_SCOPES]))
    return ApiKey(*values)
