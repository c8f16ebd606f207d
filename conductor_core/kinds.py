"""The closed lists every row, page and door shares. A value outside them is a bug, never data."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """Who asked for a call."""

    CHAT = "chat"
    COMPARE = "compare"
    API = "api"
    SET = "set"
    """A run of a prompt set: its cells, and the judge of their answers."""
    DRILL = "drill"
    """A simulated provider was asked, wherever from; never counted with the others."""


class FinishReason(StrEnum):
    """Why an answer ended, as its provider said it."""

    STOP = "stop"
    LENGTH = "length"
    SAFETY = "safety"
    RECITATION = "recitation"
    TOOL_CALLS = "tool_calls"
    """The model waits for what the tools it called give back."""
    OTHER = "other"


class Need(StrEnum):
    """What a prompt may hold that not every provider takes."""

    IMAGES = "images"
    TOOLS = "tools"
    JSON_OBJECT = "json_object"
    """An answer that is some JSON object."""
    JSON_SCHEMA = "json_schema"
    """An answer that fits a schema."""
    PENALTIES = "penalties"
    """For words that came before."""

    @property
    def words(self) -> str:
        """What does not take it lacks: `It takes no images.`"""
        return _NEED_WORDS[self]

    @property
    def parameter(self) -> str:
        """The parameter of a request that asks for it."""
        return _NEED_PARAMETERS[self]


_NEED_WORDS = {
    Need.IMAGES: "images",
    Need.TOOLS: "tools",
    Need.JSON_OBJECT: "response_format json_object",
    Need.JSON_SCHEMA: "response_format json_schema",
    Need.PENALTIES: "presence_penalty or frequency_penalty",
}
_NEED_PARAMETERS = {
    Need.IMAGES: "messages",
    Need.TOOLS: "tools",
    Need.JSON_OBJECT: "response_format",
    Need.JSON_SCHEMA: "response_format",
    Need.PENALTIES: "presence_penalty",
}


class ToolUse(StrEnum):
    """Whether a model may call the tools it is given."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    """It must call one at least."""


class LaneState(StrEnum):
    """Where one answer stands. `waiting` and `streaming` are running, all others final."""

    WAITING = "waiting"
    STREAMING = "streaming"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    INTERRUPTED = "interrupted"

    @property
    def running(self) -> bool:
        return self in (LaneState.WAITING, LaneState.STREAMING)


class Verdict(StrEnum):
    """What a vote says of the answers of one prompt."""

    BETTER = "better"
    TIE = "tie"
    BAD = "bad"
    NONE = "none"
    """Revealed without a vote."""


class Keepsake(StrEnum):
    """A text kept under a name, to be used again."""

    PERSONA = "persona"
    """A system prompt."""
    TEMPLATE = "template"
    """A prompt, with places to be filled in."""


class CheckKind(StrEnum):
    """How an answer of a prompt set is checked."""

    CONTAINS = "contains"
    EQUALS = "equals"
    REGEX = "regex"
    JSON_SCHEMA = "json_schema"
    JUDGE = "judge"
    """A model says whether it is right."""


class CheckResult(StrEnum):
    """What a check of an answer came to."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNCLEAR = "unclear"
    """It could not be carried out: the pattern took too long, the judge gave no verdict."""


class RunState(StrEnum):
    """Where a run of a prompt set stands."""

    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    """Conductor ended meanwhile."""
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def can_resume(self) -> bool:
        return self in (RunState.PAUSED, RunState.INTERRUPTED)


class CellState(StrEnum):
    """Where one prompt stands in one lane of a run."""

    WAITING = "waiting"
    RUNNING = "running"
    JUDGING = "judging"
    """Answered; the judge is being asked."""
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """Cut off by cancelling the run."""
    INTERRUPTED = "interrupted"
    """Conductor ended while it ran: it is asked again, and may be billed twice."""
    UNJUDGED = "unjudged"
    """Conductor ended while it was judged: the answer stays, the judge is asked again."""

    @property
    def ended(self) -> bool:
        return self in (CellState.DONE, CellState.FAILED, CellState.STOPPED)


class MergeKind(StrEnum):
    """What is made of the answers to one prompt."""

    FUSE = "fuse"
    """One answer with the best of all."""
    CHECKLIST = "checklist"
    """First what a good answer needs, then that answer."""
    CRITERIA = "criteria"
    """A table that rates each answer by criteria."""


class ProviderState(StrEnum):
    """How a provider stands, judged on the user's own calls."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    OPEN = "open"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"
    NOT_CONFIGURED = "not_configured"


class CostKind(StrEnum):
    """How a cost is known: from the provider's own token counts, from ours, not at all, or it costs nothing."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"
    FREE = "free"


class Outcome(StrEnum):
    """How one call ended."""

    RUNNING = "running"
    OK = "ok"
    LENGTH = "length"
    BLOCKED = "blocked"
    EMPTY = "empty"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    CONNECTION = "connection"
    STREAM_CUT = "stream_cut"
    BAD_RESPONSE = "bad_response"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    BUDGET = "budget"
    REFUSED = "refused"


class Fault(StrEnum):
    """What a kind alone does not say about a fault, where it decides what happens next."""

    TLS = "tls"
    ADDRESS = "address"
    DNS = "dns"
    NOBODY_LISTENS = "nobody_listens"
    NO_CONNECTION = "no_connection"
    NO_FIRST_BYTE = "no_first_byte"
    DEADLINE = "deadline"
    REDIRECT = "redirect"
    NOT_SENT = "not_sent"


class IncidentKind(StrEnum):
    """What went wrong for a while."""

    BREAKER = "breaker"
    """A provider was passed over, because it kept failing or said so itself."""
    RATE_LIMITS = "rate_limits"
    """A provider refused several calls within a minute as too many."""
    FALLBACK = "fallback"
    """Another provider was asked in place of the one that failed."""
    BUDGET = "budget"
    """A budget had no room for a call."""


SUCCESSES = frozenset({Outcome.OK, Outcome.LENGTH, Outcome.BLOCKED})
"""The provider did its work. A safety block is an answer, not a fault."""

NEUTRAL = frozenset(
    {
        Outcome.RUNNING,
        Outcome.CANCELLED,
        Outcome.INTERRUPTED,
        Outcome.BUDGET,
        Outcome.REFUSED,
        Outcome.BAD_REQUEST,
        Outcome.TOO_LARGE,
        Outcome.NOT_FOUND,
    }
)
"""Says nothing about the provider: the caller's mistake, the user's Stop, our limit or end. Not in success rates."""

FAILURES = frozenset(Outcome) - SUCCESSES - NEUTRAL
"""The provider failed. Success rate = successes / (successes + failures)."""
