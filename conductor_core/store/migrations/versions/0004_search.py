"""Pinned and archived conversations, deletion that can be undone, and what titles and messages are found by."""

import sqlalchemy as sa
from alembic import op

from conductor_core.store.texts import index_everything

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds columns, creates the index of words and fills it from what is there."""
    op.add_column("conversations", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("conversations", sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("conversations", sa.Column("erase_at", sa.BigInteger))
    op.drop_index("conversations_by_kind", "conversations")
    op.create_index("conversations_by_place", "conversations", ["kind", "archived", "pinned", "updated_at"])
    on_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "texts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column(
            "conversation_id", sa.String(32), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("words", sa.dialects.postgresql.TSVECTOR if on_postgres else sa.Text, nullable=False),
    )
    op.create_index("texts_by_conversation", "texts", ["conversation_id"])
    if not on_postgres:
        _index_words()
    index_everything(op.get_bind())
    if on_postgres:
        op.create_index("texts_words", "texts", ["words"], postgresql_using="gin")


def _index_words() -> None:
    """FTS5 over `texts`. The words are made by us: its own tokenizer only parts them at the blanks.

    Triggers keep it, since rows also go by themselves, with their conversation.
    """
    op.execute(
        "CREATE VIRTUAL TABLE texts_found USING fts5"
        " (words, content = 'texts', content_rowid = 'number', detail = none, columnsize = 0,"
        " tokenize = 'ascii', prefix = '1 2 3')"
    )
    add = "INSERT INTO texts_found (rowid, words) VALUES (new.number, new.words);"
    remove = "INSERT INTO texts_found (texts_found, rowid, words) VALUES ('delete', old.number, old.words);"
    op.execute(f"CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN {add} END")
    op.execute(f"CREATE TRIGGER texts_removed AFTER DELETE ON texts BEGIN {remove} END")
    op.execute(f"CREATE TRIGGER texts_changed AFTER UPDATE OF words ON texts BEGIN {remove} {add} END")
