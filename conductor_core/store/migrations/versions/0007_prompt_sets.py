"""Prompt sets: many prompts, the runs of them over lanes, and a cell for each prompt in each lane."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the tables."""
    _sets()
    _runs()
    _cells()


def _sets() -> None:
    op.create_table(
        "prompt_sets",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("prompts", sa.Integer, nullable=False),
    )
    op.create_index("prompt_sets_by_time", "prompt_sets", ["created_at"])
    op.create_table(
        "set_prompts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("set_id", sa.String(32), sa.ForeignKey("prompt_sets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("check_kind", sa.String(16), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
    )
    op.create_index("set_prompts_by_set", "set_prompts", ["set_id", "number"])


def _runs() -> None:
    op.create_table(
        "set_runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("set_id", sa.String(32), sa.ForeignKey("prompt_sets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("setup", sa.JSON, nullable=False),
        sa.Column("budget_usd", sa.Float),
        sa.Column("cells", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("resumed_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("asked", sa.String(16), nullable=False),
        sa.Column("claim", sa.String(32), nullable=False),
        sa.Column("copy", sa.SmallInteger, nullable=False, server_default="0"),
    )
    op.create_index("set_runs_by_time", "set_runs", ["created_at"])
    op.create_index("set_runs_by_set", "set_runs", ["set_id"])
    _partial("set_runs", "set_runs_unfinished", "state = 'running'")


def _cells() -> None:
    op.create_table(
        "set_cells",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("set_runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("interruptions", sa.Integer, nullable=False),
        sa.Column("provider", sa.String(48), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("judged", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("ttft_ms", sa.Float),
        sa.Column("latency_ms", sa.Float),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("cost_usd", sa.Float),
        sa.Column("cost_kind", sa.String(16), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("copy", sa.SmallInteger, nullable=False, server_default="0"),
    )
    op.create_index("set_cells_by_run", "set_cells", ["run_id", "number", "lane"])
    _partial("set_cells", "set_cells_unfinished", "state IN ('running', 'judging')")


def _partial(table: str, name: str, rows: str) -> None:
    op.create_index(name, table, ["state"], sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))
