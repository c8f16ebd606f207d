"""The tables. Times are UTC in ms since 1970; ids are 32 hexadecimal digits from 128 random bits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()


class Words(TypeDecorator[str]):
    """Different words with blanks between them; PostgreSQL has a type for that."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text, but on PostgreSQL."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(Text())
        from sqlalchemy.dialects.postgresql import TSVECTOR

        return dialect.type_descriptor(TSVECTOR())


def _partial(table: Table, name: str, column: str, rows: str) -> None:
    Index(name, table.c[column], sqlite_where=text(rows), postgresql_where=text(rows))


conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),  # chat, compare
    Column("title", String(200), nullable=False),
    Column("settings", JSON, nullable=False),  # what the page needs to go on: picker and parameters, or the lanes
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=text("false")),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("tags", JSON, nullable=False, server_default="[]"),  # in lower case, in the order of the alphabet
    Column("erase_at", BigInteger),  # put out of sight, and erased from then on unless it is brought back
    Index("conversations_by_place", "kind", "archived", "pinned", "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(32), primary_key=True),  # of an answer: the lane's id
    Column("conversation_id", String(32), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("turn", Integer, nullable=False),  # 0, 1, 2 … within the conversation, over all its branches
    Column("lane", Integer, nullable=False),  # 0 … of an answer; 0 of the user's message, which all lanes share
    Column("version", Integer, nullable=False),  # counts the answers of one place
    Column("role", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("thinking", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("facts", JSON, nullable=False),  # receipt, and for a failed answer the error's sentence and detail
    Column("created_at", BigInteger, nullable=False),
    Column("parent", String(32)),  # what it follows: an answer its prompt, a prompt the answer before it
    Column("shown", Integer, nullable=False, server_default="0"),  # of those with one parent the highest is shown
    Column("copy", SmallInteger, nullable=False, server_default="0"),  # which copy of the app is writing it
    Index("messages_by_conversation", "conversation_id", "turn", "lane", "version"),
)
_partial(messages, "messages_unfinished", "state", "state IN ('waiting', 'streaming')")

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("good", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),  # an image's file; of any other file its text
    Index("attachments_by_conversation", "conversation_id"),
)

texts = (
    Table(  # what messages and titles are found by; on SQLite `texts_found` is its index, on PostgreSQL `texts_words`
        "texts",
        metadata,
        Column(
            "number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True
        ),  # newer texts have higher ones
        Column("id", String(32), nullable=False, unique=True),  # of the message, or of the conversation for its title
        Column("conversation_id", String(32), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        Column("words", Words, nullable=False),
        Index("texts_by_conversation", "conversation_id"),
        Index("texts_words", "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
    )
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request_id", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("source", String(16), nullable=False),
    Column("conversation_id", String(32)),  # no foreign key: deleting a conversation keeps its numbers
    Column("lane_id", String(32)),
    Column("provider", String(48), nullable=False),
    Column("model", String(200), nullable=False),
    Column("model_served", String(200)),
    Column("strategy", String(32)),
    Column("fallback_from", String(48)),
    Column("started_at", BigInteger, nullable=False),
    Column("latency_ms", Float),
    Column("ttft_ms", Float),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("thinking_tokens", BigInteger),
    Column("cost_usd", Float),
    Column("cost_kind", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("http_status", Integer),
    Column("finish_reason", String(16)),
    Column("error", String(500)),
    Column("api_key_id", String(32)),
    Column(
        "superseded", Boolean, nullable=False, server_default=text("false")
    ),  # another attempt of its request followed
    Column("copy", SmallInteger, nullable=False, server_default="0"),  # which copy of the app made it
    Column("counted", SmallInteger, nullable=False, server_default="0"),  # see `Counted` in store/rollups.py
    Index("calls_by_time", "started_at"),
    Index("calls_by_outcome", "outcome", "started_at"),
)
# Calls through the HTTP door have neither, and pay for neither.
_partial(calls, "calls_by_conversation", "conversation_id", "conversation_id IS NOT NULL")
_partial(calls, "calls_by_lane", "lane_id", "lane_id IS NOT NULL")
_partial(calls, "calls_uncounted", "started_at", "counted <> 1")

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("provider", String(48), nullable=False),  # empty: the whole installation
    Column("model", String(200), nullable=False),  # empty: the provider as a whole
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # of a budget it is known from the start, and may lie ahead
    Column("reason", String(500), nullable=False),
    Column("copy", SmallInteger, nullable=False, server_default="0"),
    Index("incidents_by_time", "started_at"),
)

votes = Table(
    "votes",
    metadata,
    Column("id", String(32), primary_key=True),  # made from the prompt's id: the same vote twice is one
    # Deleting a conversation keeps its votes' numbers, and nothing that leads back to it.
    Column("conversation_id", String(32), ForeignKey("conversations.id", ondelete="SET NULL")),
    Column("turn", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("sides", JSON, nullable=False),  # of each lane: provider, model, rank
    Column("tags", JSON, nullable=False),
    Column("objection", String(200), nullable=False),  # why it does not count; empty when it does
)
_partial(votes, "votes_by_conversation", "conversation_id", "conversation_id IS NOT NULL")

prompt_sets = Table(
    "prompt_sets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("prompts", Integer, nullable=False),  # how many
    Index("prompt_sets_by_time", "created_at"),
)

set_prompts = Table(
    "set_prompts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("set_id", String(32), ForeignKey("prompt_sets.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # 0, 1, 2 … within the set
    Column("line", Integer, nullable=False),  # of the file it was read from
    Column("prompt", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("check_kind", String(16), nullable=False),  # empty: its answers are not checked
    Column("tags", JSON, nullable=False),
    Index("set_prompts_by_set", "set_id", "number"),
)

set_runs = Table(
    "set_runs",
    metadata,
    Column("id", String(32), primary_key=True),  # also the `conversation_id` of its calls
    Column("set_id", String(32), ForeignKey("prompt_sets.id", ondelete="CASCADE"), nullable=False),
    Column("setup", JSON, nullable=False),  # lanes, judge, concurrency
    Column("budget_usd", Float),
    Column("cells", Integer, nullable=False),  # how many there are to be
    Column("created_at", BigInteger, nullable=False),
    Column("resumed_at", BigInteger, nullable=False),  # when it last began to run
    Column("ended_at", BigInteger),
    Column("state", String(16), nullable=False),
    Column("reason", String(500), nullable=False),  # why it does not run, as a sentence
    Column("asked", String(16), nullable=False),  # what the copy that runs it is to do: pause, cancel
    Column("claim", String(32), nullable=False),  # names one stretch of running, so that no two copies run it
    Column("copy", SmallInteger, nullable=False, server_default="0"),
    Index("set_runs_by_time", "created_at"),
    Index("set_runs_by_set", "set_id"),
)
_partial(set_runs, "set_runs_unfinished", "state", "state = 'running'")

set_cells = Table(  # a cell has a row from the moment it is first begun
    "set_cells",
    metadata,
    Column("id", String(32), primary_key=True),  # made from run, number and lane; also the `lane_id` of its calls
    Column("run_id", String(32), ForeignKey("set_runs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # of the prompt
    Column("lane", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("interruptions", Integer, nullable=False),  # how often Conductor ended while it ran
    Column("provider", String(48), nullable=False),
    Column("model", String(200), nullable=False),
    Column("answer", Text, nullable=False),
    Column("failure", Text, nullable=False),  # a sentence
    Column("result", String(16), nullable=False),  # of the check; empty: not checked (yet)
    Column("note", Text, nullable=False),  # why the check did not pass
    Column("judged", Text, nullable=False),  # all that the judge said
    Column("request_id", String(32), nullable=False),
    Column("ttft_ms", Float),
    Column("latency_ms", Float),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("cost_usd", Float),
    Column("cost_kind", String(16), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("copy", SmallInteger, nullable=False, server_default="0"),
    Index("set_cells_by_run", "run_id", "number", "lane"),
)
_partial(set_cells, "set_cells_unfinished", "state", "state IN ('running', 'judging')")

lane_presets = Table(
    "lane_presets",
    metadata,
    Column("id", String(32), primary_key=True),  # made from the name: the same name twice is one preset
    Column("name", String(60), nullable=False),
    Column("settings", JSON, nullable=False),  # its lanes, and whether they take turns
    Column("created_at", BigInteger, nullable=False),
)

api_keys = Table(  # a revoked one stays: calls go on naming it
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("prefix", String(16), nullable=False),  # how its token begins, for people
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of its token, hexadecimal
    Column("scopes", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("budget_day", Float),  # USD
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("concurrency", Integer),
    Column("last_used_at", BigInteger),
)

library = Table(  # personas and prompt templates
    "library",
    metadata,
    Column("id", String(32), primary_key=True),  # made from kind and name: the same name twice is one text
    Column("kind", String(16), nullable=False),
    Column("name", String(60), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("provider", String(48), nullable=False),
    Column("model", String(200), nullable=False),
    Column("source", String(16), nullable=False),
    UniqueConstraint("provider", "model", "source", name="series_once"),
)

rollups = Table(  # finished calls added up; every call is in one bucket of each level
    "rollups",
    metadata,
    Column("level", SmallInteger, primary_key=True),  # the bucket's width in minutes
    Column("start", BigInteger, primary_key=True),
    Column("series", Integer, ForeignKey("series.id"), primary_key=True),
    Column("copy", SmallInteger, primary_key=True),  # which copy of the app added it up; readers merge them
    Column("sums", LargeBinary, nullable=False),  # counts, tokens and costs: `metrics/rollup.py`
    Column("latency", LargeBinary, nullable=False),  # sketches: `metrics/sketch.py`
    Column("ttft", LargeBinary, nullable=False),
    Column("pace", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

pruned = Table(  # what was kept long enough: only coarser buckets know of what began before
    "pruned",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),  # of the buckets; 0: the calls themselves
    Column("until", BigInteger, nullable=False),
)

rollup_batches = Table(  # which buckets each batch changed, so that readers know what of theirs is out of date
    "rollup_batches",
    metadata,
    Column("copy", SmallInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("quarters", LargeBinary, nullable=False),  # their starts in quarters of an hour since 1970, uint32
)
