"""Conversations page by page, for those who read all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from conductor_core.store.records import Conversation, conversation_columns
from conductor_core.store.tables import conversations

if TYPE_CHECKING:
    from conductor_core.store.database import Store

Cursor = tuple[int, str]
"""When the last one of a page was used (UTC ms), and its id."""


def page(
    store: Store, kind: str, archived: bool, after: Cursor | None, limit: int
) -> tuple[list[Conversation], Cursor | None]:
    """Those used last first, from just after a cursor on; and where the next page begins.

    One that is used meanwhile moves to the front: it may be told twice, never not at all.

    Args:
        kind: "chat" or "compare".
    """
    wanted = select(*conversation_columns()).where(
        conversations.c.kind == kind, conversations.c.archived == archived, conversations.c.erase_at.is_(None)
    )
    place = conversations.c.updated_at, conversations.c.id
    if after:
        wanted = wanted.where(tuple_(*place) < after)
    ordered = wanted.order_by(*(column.desc() for column in place)).limit(limit + 1)
    found = store.conversations_by(ordered)
    shown = found[:limit]
    return shown, (shown[-1].updated_at, shown[-1].id) if len(found) > limit else None
