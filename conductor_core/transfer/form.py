"""What a conversation of our own document has to be like: every field with its bounds, for files come from anywhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from conductor_core.attachments import FILE_BYTES, MOST_FILES, NAME_CHARACTERS
from conductor_core.branches import FIRST_MERGE
from conductor_core.conversations import TAGS_AT_MOST
from conductor_core.errors import InvalidRequest
from conductor_core.feedback import NOTE_CHARACTERS
from conductor_core.kinds import CostKind, FinishReason, LaneState, MergeKind, Outcome, Verdict
from conductor_core.models import MessageRole, ProviderName
from conductor_core.store.records import Side
from conductor_core.turns import LaneSetup
from conductor_core.votes import MOST_TAGS, TAG_CHARACTERS, checked_tags

MOST_MESSAGES = 10_000
"""Of one conversation."""

LONGEST_TEXT = 4_000_000
"""Characters of one message or answer; more than any provider's answer may have."""

TITLE_AT_MOST = 200
MOST_LANES = 8
LAST_MOMENT = 253_370_764_800_000
"""The end of the year 9998 in UTC ms: a day later there are zones without a calendar."""

_MOST = 1_000_000
_Number = Annotated[int, Field(strict=True, ge=0, le=_MOST)]
_Lane = Annotated[int, Field(strict=True, ge=0, lt=MOST_LANES)]
_Place = Annotated[int, Field(strict=True, ge=0, lt=FIRST_MERGE + MOST_MESSAGES)]
"""A lane's number, or a merge's."""
_Moment = Annotated[int, Field(strict=True, ge=0, le=LAST_MOMENT)]
_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Short = Annotated[str, Field(max_length=1_000)]
_Sentence = Annotated[str, Field(max_length=10_000)]
_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
_Name = Annotated[str, Field(max_length=200)]
_Figure = Annotated[float, Field(ge=0, le=1e15)] | None
_Count = Annotated[int, Field(strict=True, ge=0, le=10**15)] | None


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class _Open(BaseModel):
    """What else is in it is kept as it is."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True)


class _Candidate(_Open):
    label: _Name
    state: _Name
    ttft_ms: _Figure
    latency_ms: _Figure = None
    expected_ms: _Figure = None
    score: float | None = None
    terms: dict[str, float] = Field(default={}, max_length=20)


class _PassedOver(_Open):
    label: _Name
    reason: _Sentence


class _Attempt(_Open):
    provider: _Name
    sentence: _Sentence


class _Receipt(_Open):
    sentence: _Sentence
    candidates: list[_Candidate] = Field(min_length=1, max_length=200)
    passed_over: list[_PassedOver] = Field(max_length=200)
    attempts: list[_Attempt] = Field(default=[], max_length=200)


class _Failure(_Form):
    sentence: _Sentence
    detail: _Sentence
    kind: Outcome | None


class _Figures(_Open):
    ttft_ms: _Figure = None
    latency_ms: _Figure = None
    tokens_per_second: _Figure = None
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    thinking_tokens: _Count = None
    cost_usd: _Figure = None
    cost_kind: CostKind
    finish_reason: FinishReason | None
    request_id: _Name = ""


class _Merge(_Open):
    kind: MergeKind
    prompt: _Text


class _Facts(_Open):
    setup: LaneSetup | None = None
    provider: ProviderName | Literal[""] = ""
    model: _Name = ""
    thinking_ms: _Figure = None
    notices: list[_Sentence] = Field(default=[], max_length=100)
    order: list[_Lane] = Field(default=[], max_length=MOST_LANES)
    continues: _Id | None = None
    failure: _Failure | None = None
    figures: _Figures | None = None
    receipt: _Receipt | None = None
    merge: _Merge | None = None
    files: list[_Id] = Field(default=[], max_length=MOST_FILES)


class _Settings(_Open):
    lanes: list[LaneSetup] = Field(min_length=1, max_length=MOST_LANES)


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Checked and kept as it is: what a later version added stays in it."""
    _Facts.model_validate(facts)
    return facts


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    _Settings.model_validate(settings)
    return settings


def _tags(tags: list[str]) -> list[str]:
    kept = checked_tags(tags, most=TAGS_AT_MOST, of="conversation")
    if sorted(kept) != tags:
        raise ValueError(f"must be different tags in lower case, of {TAG_CHARACTERS} characters at most, sorted")
    return tags


class FeedbackForm(_Form):
    """Feedback on an answer."""

    good: bool
    note: Annotated[str, Field(max_length=NOTE_CHARACTERS)]
    updated_at: _Moment


class MessageForm(_Form):
    """One message, or one answer."""

    id: _Id
    turn: _Number
    lane: _Place
    version: _Number
    role: Literal[MessageRole.USER, MessageRole.ASSISTANT]
    content: _Text
    thinking: _Text
    state: LaneState
    facts: Annotated[dict[str, Any], AfterValidator(_facts)]
    created_at: _Moment
    parent: _Id | None
    shown: _Number
    feedback: FeedbackForm | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.state.running:
            raise ValueError(f"state must be one that has ended, not {self.state}")
        if self.feedback and self.role is not MessageRole.ASSISTANT:
            raise ValueError("feedback must be on an answer")
        if self.facts.get("files") and self.role is not MessageRole.USER:
            raise ValueError("files must go with a prompt")
        return self


class FileForm(_Form):
    """One file that goes with messages; `data` is base64."""

    id: _Id
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS)]
    media_type: Literal["text/plain", "image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Annotated[str, Field(max_length=FILE_BYTES * 4 // 3 + 4)] | None = None
    same_as: _Id | None = None

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        if (self.data is None) == (self.same_as is None):
            raise ValueError("must have either data or same_as")
        return self


class VoteForm(_Form):
    """One vote."""

    turn: _Number
    created_at: _Moment
    blind: bool
    verdict: Verdict
    sides: Annotated[tuple[Side, ...], Field(min_length=2, max_length=MOST_LANES)]
    tags: Annotated[tuple[Annotated[str, Field(max_length=TAG_CHARACTERS)], ...], Field(max_length=MOST_TAGS)]
    objection: _Name


class ConversationForm(_Form):
    """One conversation with all its branches."""

    id: _Id
    kind: Literal["chat", "compare"]
    title: Annotated[str, Field(min_length=1, max_length=TITLE_AT_MOST)]
    settings: Annotated[dict[str, Any], AfterValidator(_settings)]
    created_at: _Moment
    updated_at: _Moment
    pinned: bool
    archived: bool
    tags: Annotated[list[str], AfterValidator(_tags)] = []
    messages: Annotated[list[MessageForm], Field(max_length=MOST_MESSAGES)]
    votes: Annotated[list[VoteForm], Field(max_length=MOST_MESSAGES)]


def check_tree(form: ConversationForm, place: str) -> None:
    """Whether messages hang together: each after the one it follows, no id twice, a vote for each prompt at most.

    Args:
        place: where in the file the conversation is, for the sentence.

    Raises:
        InvalidRequest: names the message.
    """
    known: dict[str, MessageForm] = {}
    for message in form.messages:
        if message.id in known:
            raise InvalidRequest(f"{place}.messages: the id {message.id} is there twice.", place)
        known[message.id] = message
    for number, message in enumerate(form.messages):
        where = f"{place}.messages.{number}.parent"
        if message.parent is None and message.role is MessageRole.USER:
            continue
        parent = known.get(message.parent or "")
        if parent is None:
            raise InvalidRequest(f"{where}: must be the id of a message of this conversation.", where)
        is_prompt = message.role is MessageRole.USER
        if parent.turn >= message.turn if is_prompt else (parent.role, parent.turn) != ("user", message.turn):
            wanted = "a message of an earlier turn" if is_prompt else "the prompt of its own turn"
            raise InvalidRequest(f"{where}: must name {wanted}.", where)
    prompts = [message.turn for message in form.messages if message.role is MessageRole.USER]
    turns = [vote.turn for vote in form.votes]
    if len(set(prompts)) < len(prompts) or len(set(turns)) < len(turns) or not set(turns) <= set(prompts):
        raise InvalidRequest(f"{place}: turns must have one prompt each, and one vote at most.", place)
