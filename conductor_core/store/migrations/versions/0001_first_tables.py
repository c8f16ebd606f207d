"""The first tables: conversations, messages, calls."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates them."""
    _conversations()
    _messages()
    _calls()


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("conversations_by_kind", "conversations", ["kind", "updated_at"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "conversation_id", sa.String(32), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("thinking", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("messages_by_conversation", "messages", ["conversation_id", "turn", "lane", "version"])
    _partial_index("messages_unfinished", "messages", "state", "state IN ('waiting', 'streaming')")


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("conversation_id", sa.String(32)),
        sa.Column("lane_id", sa.String(32)),
        sa.Column("provider", sa.String(48), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("model_served", sa.String(200)),
        sa.Column("strategy", sa.String(32)),
        sa.Column("fallback_from", sa.String(48)),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("latency_ms", sa.Float),
        sa.Column("ttft_ms", sa.Float),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("thinking_tokens", sa.BigInteger),
        sa.Column("cost_usd", sa.Float),
        sa.Column("cost_kind", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("finish_reason", sa.String(16)),
        sa.Column("error", sa.String(500)),
        sa.Column("api_key_id", sa.String(32)),
    )
    op.create_index("calls_by_time", "calls", ["started_at"])
    op.create_index("calls_by_outcome", "calls", ["outcome", "started_at"])
    _partial_index("calls_by_conversation", "calls", "conversation_id", "conversation_id IS NOT NULL")
    _partial_index("calls_by_lane", "calls", "lane_id", "lane_id IS NOT NULL")


def _partial_index(name: str, table: str, column: str, rows: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))
