"""A file of conversations read: whose it is, what is in it, and what of that can't be taken over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from conductor_core.errors import InvalidRequest
from conductor_core.store.wholes import Whole
from conductor_core.transfer import chatgpt, foreign, open_webui
from conductor_core.transfer.document import FORMAT, VERSION, whole_of
from conductor_core.transfer.file import MOST_BYTES, contents, kept
from conductor_core.transfer.form import ConversationForm, check_tree

MOST_CONVERSATIONS = 20_000
MOST_MESSAGES = 500_000
"""Of one file."""

_Read = Callable[[dict[str, Any], str, Counter[str]], foreign.Foreign]
_PROGRAMS: Sequence[tuple[Callable[[Any], bool], _Read]] = (
    (chatgpt.is_one, chatgpt.foreign),
    (open_webui.is_one, open_webui.foreign),
)


@dataclass(slots=True)
class Brought:
    """What a file holds.

    Attributes:
        left_out: of what there was more than is taken over, and how many.
    """

    wholes: list[Whole] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read(data: bytes) -> Brought:
    """The conversations of a file: our own document, ChatGPT's export or Open WebUI's, also in a zip.

    Raises:
        InvalidRequest: names the field and the bound, or says that this is no such file.
    """
    brought = Brought()
    for value in contents(data):
        if isinstance(value, dict) and value.get("format") == FORMAT:
            brought.wholes += _own(value)
        else:
            _add_foreign(brought, value)
    _check(brought.wholes)
    return brought


def _own(value: dict[str, Any]) -> list[Whole]:
    if value.get("version") != VERSION:
        raise InvalidRequest(
            f"version: this Conductor reads version {VERSION} of its own files, and no other.", "version"
        )
    told = value.get("conversations")
    if not isinstance(told, list):
        raise InvalidRequest("conversations: must be a list.", "conversations")
    _check_count(told)
    return [_own_one(one, f"conversations.{number}") for number, one in enumerate(told)]


def _own_one(value: Any, place: str) -> Whole:
    try:
        form = ConversationForm.model_validate(kept(value, place))
    except ValidationError as error:
        refusal = InvalidRequest.from_validation(error)
        raise InvalidRequest(f"{place}.{refusal}", f"{place}.{refusal.field}") from error
    check_tree(form, place)
    return whole_of(form)


def _add_foreign(brought: Brought, value: Any) -> None:
    told = value if isinstance(value, list) else [value]
    _check_count(told)
    known = {whole.conversation.id for whole in brought.wholes}
    for number, one in enumerate(told):
        program = next((read for is_one, read in _PROGRAMS if is_one(one)), None)
        if program is None:
            raise InvalidRequest(
                f"conversations.{number}: is no conversation of Conductor, ChatGPT or Open WebUI. "
                "Import the file that one of them exported, as it is.",
                f"conversations.{number}",
            )
        whole = foreign.whole_of(program(one, f"conversations.{number}", brought.left_out), brought.left_out)
        if whole and whole.conversation.id in known:
            brought.left_out["conversations that are there twice"] += 1
        elif whole:
            known.add(whole.conversation.id)
            brought.wholes.append(whole)


def _check_count(told: Sequence[Any]) -> None:
    if len(told) > MOST_CONVERSATIONS:
        raise InvalidRequest(
            f"conversations: the file has {len(told):,}; the limit is {MOST_CONVERSATIONS:,}.", "conversations"
        )


def _check(wholes: Sequence[Whole]) -> None:
    """What no single conversation can tell: how much it is together, and whether ids are there once."""
    _check_count(wholes)
    messages = [message for whole in wholes for message in whole.messages]
    if len(messages) > MOST_MESSAGES:
        raise InvalidRequest(f"messages: the file has {len(messages):,}; the limit is {MOST_MESSAGES:,}.", "messages")
    if sum(len(message.content) + len(message.thinking) for message in messages) > MOST_BYTES:
        raise InvalidRequest(f"messages: together have more than {MOST_BYTES:,} characters, the limit.", "messages")
    twice = _twice(whole.conversation.id for whole in wholes) or _twice(message.id for message in messages)
    if twice:
        raise InvalidRequest(f"conversations: the id {twice} is there twice.", "conversations")


def _twice(ids: Iterable[str]) -> str:
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            return id
        seen.add(id)
    return ""
