"""Votes: which answer of a comparison was the best, and whether that counts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "votes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("conversation_id", sa.String(32), sa.ForeignKey("conversations.id", ondelete="SET NULL")),
        sa.Column("turn", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("sides", sa.JSON, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("objection", sa.String(200), nullable=False),
    )
    of_conversations = sa.text("conversation_id IS NOT NULL")
    op.create_index(
        "votes_by_conversation",
        "votes",
        ["conversation_id"],
        sqlite_where=of_conversations,
        postgresql_where=of_conversations,
    )
