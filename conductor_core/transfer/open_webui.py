"""Open WebUI's export: a list of chats, each with a tree of messages in `chat.history`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from conductor_core.models import MessageRole
from conductor_core.transfer.foreign import Foreign, Node
from conductor_core.transfer.pictures import FILES, NOT_SHOWN
from conductor_core.transfer.values import moment, name_of, text_of

_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}
_OPENING = re.compile(r'<details\b[^<>]{0,300}\btype="reasoning"[^<>]{0,300}>', re.IGNORECASE)
_CLOSING = "</details>"
_SUMMARY = re.compile(r"\s*<summary>[^<]{0,300}</summary>\s*")
_IN_MS = 10_000_000_000
"""From this number on a time is in ms: in seconds it would be the year 2286."""


def is_one(value: Any) -> bool:
    """Whether a JSON value is one of its chats."""
    return isinstance(value, dict) and isinstance(_history(value).get("messages"), dict)


def foreign(value: dict[str, Any], place: str, left_out: Counter[str]) -> Foreign:
    """One of its chats; what shows nothing here is counted."""
    chat, history = _chat(value), _history(value)
    told = {id: message for id, message in history["messages"].items() if isinstance(message, dict)}
    nodes = {id: _node(id, message, left_out) for id, message in told.items()}
    created = _moment(value.get("created_at") or chat.get("timestamp"))
    return Foreign(
        source="open-webui",
        id=text_of(value.get("id") or chat.get("id")) or "\n".join(sorted(nodes)),
        title=text_of(value.get("title") or chat.get("title")),
        provider="open_webui",
        nodes=nodes,
        roots=[id for id, message in told.items() if text_of(message.get("parentId")) not in nodes],
        current=text_of(history.get("currentId")),
        created_at=created,
        updated_at=_moment(value.get("updated_at")) or created,
        place=place,
        archived=value.get("archived") is True,
        pinned=value.get("pinned") is True,
        tags=_tags(value),
    )


def _node(id: str, told: dict[str, Any], left_out: Counter[str]) -> Node:
    children = told.get("childrenIds")
    node = Node(id, [child for child in children if isinstance(child, str)] if isinstance(children, list) else [])
    node.role = _ROLES.get(text_of(told.get("role")))
    if node.role is None:
        return node
    text = text_of(told.get("content"))
    node.text, node.thinking = _parted(text) if node.role is MessageRole.ASSISTANT else (text, "")
    node.model = name_of(told.get("model"))
    node.at = _moment(told.get("timestamp"))
    missing = 0
    files = told.get("files")
    for file in files if isinstance(files, list) else []:
        if isinstance(file, dict) and file.get("type") == "image":
            missing += not node.takes(file.get("url"), left_out)
        else:
            left_out[FILES] += isinstance(file, dict)
    if not node.text and missing and not node.images:
        node.text = NOT_SHOWN
    return node


def _parted(text: str) -> tuple[str, str]:
    """An answer without what was thought before it, and that."""
    said, thought, at = [], [], 0
    while found := _OPENING.search(text, at):
        end = text.find(_CLOSING, found.end())
        if end < 0:
            break
        said.append(text[at : found.start()])
        inner = _SUMMARY.sub("", text[found.end() : end], count=1)
        thought.append("\n".join(line.removeprefix(">").removeprefix(" ") for line in inner.strip().splitlines()))
        at = end + len(_CLOSING)
    return "".join([*said, text[at:]]).strip() if thought else text, "\n\n".join(thought)


def _chat(value: dict[str, Any]) -> dict[str, Any]:
    chat = value.get("chat")
    return chat if isinstance(chat, dict) else {}


def _history(value: dict[str, Any]) -> dict[str, Any]:
    history = _chat(value).get("history")
    return history if isinstance(history, dict) else {}


def _tags(value: dict[str, Any]) -> list[str]:
    """Their ids have `_` for a blank."""
    about = value.get("meta")
    tags = about.get("tags") if isinstance(about, dict) else None
    return [text_of(tag).replace("_", " ") for tag in tags] if isinstance(tags, list) else []


def _moment(value: Any) -> int:
    in_ms = isinstance(value, int | float) and value >= _IN_MS
    return moment(value, 1000 if in_ms else 1)
