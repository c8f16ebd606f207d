"""A file of conversations read: whose it is, what is in it, and what of that can't be taken over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from conductor_core.errors import InvalidRequest
from conductor_core.store.wholes import Whole
from conductor_core.transfer import chatgpt, foreign, open_webui
from conductor_core.transfer.document import FORMAT, LAST_LINE, VERSION, WITHOUT_FILES, whole_of
from conductor_core.transfer.file import MOST_BYTES, contents, kept, lines
from conductor_core.transfer.files import ReadFiles
from conductor_core.transfer.form import ConversationForm, check_tree

MOST_CONVERSATIONS = 20_000
MOST_MESSAGES = 500_000
"""Of one file."""

_LONGEST_HEAD = 200
_HEAD = re.compile(
    rb'\{"format":"'
    + re.escape(FORMAT).encode()
    + rb'","version":(\d{1,9}),"exported_at":"[^"]{0,40}","conversations":\[\r?\n'
)
"""The first line of our own document as it is written."""

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
    files = ReadFiles()
    if head := _HEAD.match(data[:_LONGEST_HEAD]):
        # As it was exported: a conversation is in memory at a time, besides what becomes of it.
        brought.wholes = _own(int(head[1]), lines(data, LAST_LINE), files)
        _check(brought.wholes)
        return brought
    for value in contents(data):
        if isinstance(value, dict) and value.get("format") == FORMAT:
            told = value.get("conversations")
            if not isinstance(told, list):
                raise InvalidRequest("conversations: must be a list.", "conversations")
            brought.wholes += _own(value.get("version"), told, files)
        else:
            _add_foreign(brought, value)
    _check(brought.wholes)
    return brought


def _own(version: Any, told: Iterable[Any], files: ReadFiles) -> list[Whole]:
    if version not in (WITHOUT_FILES, VERSION) or isinstance(version, bool):
        raise InvalidRequest(
            f"version: this Conductor reads versions {WITHOUT_FILES} to {VERSION} of its own files, and no other.",
            "version",
        )
    found: list[Whole] = []
    for number, one in enumerate(told):
        if number >= MOST_CONVERSATIONS:
            raise InvalidRequest(
                f"conversations: the file has more than {MOST_CONVERSATIONS:,}, the limit.", "conversations"
            )
        found.append(_own_one(one, f"conversations.{number}", version, files))
    return found


def _own_one(value: Any, place: str, version: int, files: ReadFiles) -> Whole:
    attached: Any = []
    if version == WITHOUT_FILES:
        _forget_files(value)
    elif isinstance(value, dict):
        attached = value.pop("files", [])
    try:
        form = ConversationForm.model_validate(kept(value, place))
    except ValidationError as error:
        refusal = InvalidRequest.from_validation(error)
        raise InvalidRequest(f"{place}.{refusal}", f"{place}.{refusal.field}") from error
    check_tree(form, place)
    return whole_of(form, files.take(attached, form, place))


def _forget_files(value: Any) -> None:
    """Nothing of a file was in the first version but, where somebody put it there, its name."""
    messages = value.get("messages") if isinstance(value, dict) else None
    for message in messages if isinstance(messages, list) else ():
        facts = message.get("facts") if isinstance(message, dict) else None
        if isinstance(facts, dict):
            facts.pop("files", None)


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
