"""Rollups: finished calls added up, and which calls are in them; which copy of the app writes a row."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds columns and creates tables. Calls of before are added up by the writer, batch by batch."""
    op.add_column("calls", sa.Column("superseded", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("calls", sa.Column("copy", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("calls", sa.Column("counted", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("copy", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("copy", sa.SmallInteger, nullable=False, server_default="0"))
    op.execute(
        "WITH last AS"
        " (SELECT request_id, max(attempt) AS attempt FROM calls GROUP BY request_id HAVING max(attempt) > 0)"
        " UPDATE calls SET superseded = true FROM last"
        " WHERE calls.request_id = last.request_id AND calls.attempt < last.attempt"
    )
    uncounted = sa.text("counted <> 1")
    op.create_index("calls_uncounted", "calls", ["started_at"], sqlite_where=uncounted, postgresql_where=uncounted)
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("provider", sa.String(48), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.UniqueConstraint("provider", "model", "source", name="series_once"),
    )
    op.create_table(
        "rollups",
        sa.Column("level", sa.SmallInteger, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("series", sa.Integer, sa.ForeignKey("series.id"), primary_key=True),
        sa.Column("copy", sa.SmallInteger, primary_key=True),
        sa.Column("sums", sa.LargeBinary, nullable=False),
        sa.Column("latency", sa.LargeBinary, nullable=False),
        sa.Column("ttft", sa.LargeBinary, nullable=False),
        sa.Column("pace", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollup_batches",
        sa.Column("copy", sa.SmallInteger, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("quarters", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pruned",
        sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
