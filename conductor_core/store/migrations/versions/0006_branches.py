"""Branches: what each message follows, and which of several that follow the same is shown."""

from secrets import token_hex

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns; until now there was one path: each prompt followed the newest answer to the one before it."""
    op.add_column("messages", sa.Column("parent", sa.String(32)))
    op.add_column("messages", sa.Column("shown", sa.Integer, nullable=False, server_default="0"))
    _add_missing_answers(op.get_bind())
    op.execute(
        "UPDATE messages SET parent = (SELECT p.id FROM messages AS p"
        " WHERE p.conversation_id = messages.conversation_id AND p.turn = messages.turn AND p.role = 'user'"
        " ORDER BY p.id LIMIT 1) WHERE role <> 'user'"
    )
    op.execute(
        "UPDATE messages SET parent = (SELECT a.id FROM messages AS a"
        " WHERE a.conversation_id = messages.conversation_id AND a.turn = messages.turn - 1 AND a.role <> 'user'"
        " ORDER BY a.lane, a.version DESC LIMIT 1) WHERE role = 'user'"
    )


def _add_missing_answers(connection: sa.Connection) -> None:
    """A prompt has none when a kill came between the commits of the two; where another followed, it hangs on one."""
    unanswered = connection.execute(
        sa.text(
            "SELECT conversation_id, turn, created_at FROM messages AS p WHERE role = 'user'"
            " AND NOT EXISTS (SELECT 1 FROM messages AS a WHERE a.conversation_id = p.conversation_id"
            " AND a.turn = p.turn AND a.role <> 'user')"
            " AND EXISTS (SELECT 1 FROM messages AS n WHERE n.conversation_id = p.conversation_id"
            " AND n.turn = p.turn + 1 AND n.role = 'user')"
        )
    ).all()
    for conversation_id, turn, created_at in unanswered:
        connection.execute(
            sa.text(
                "INSERT INTO messages (id, conversation_id, turn, lane, version, role, content, thinking, state, facts,"
                " created_at) VALUES (:id, :conversation, :turn, 0, 0, 'assistant', '', '', 'interrupted',"
                ' \'{"provider": "auto", "model": ""}\', :at)'
            ).bindparams(id=token_hex(16), conversation=conversation_id, turn=turn, at=created_at)
        )
