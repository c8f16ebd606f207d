"""Feedback: what somebody thinks of an answer. Tags: by what conversations are put in order."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates the table and adds the column."""
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(32), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("good", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.add_column("conversations", sa.Column("tags", sa.JSON, nullable=False, server_default="[]"))
