"""ChatGPT's export: `conversations.json`, a list of conversations, each a tree of nodes in `mapping`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from conductor_core.models import MessageRole
from conductor_core.transfer.foreign import Foreign, Node
from conductor_core.transfer.pictures import FILES, NOT_SHOWN
from conductor_core.transfer.values import moment, name_of, text_of

_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}
_SHOWN = ("text", "multimodal_text")
_PICTURE, _SOUND = "image_asset_pointer", ("audio_asset_pointer", "real_time_user_audio_video_asset_pointer")
_HEARD = "audio_transcription"


def is_one(value: Any) -> bool:
    """Whether a JSON value is one of its conversations."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict)


def foreign(value: dict[str, Any], place: str, left_out: Counter[str]) -> Foreign:
    """One of its conversations; what shows nothing here is counted."""
    nodes = {id: _node(id, told, left_out) for id, told in value["mapping"].items() if isinstance(told, dict)}
    followed = {child for node in nodes.values() for child in node.children}
    id = text_of(value.get("conversation_id") or value.get("id"))
    return Foreign(
        source="chatgpt",
        id=id or "\n".join(sorted(nodes)),
        title=text_of(value.get("title")),
        provider="openai",
        nodes=nodes,
        roots=[node for node in nodes if node not in followed],
        current=text_of(value.get("current_node")),
        created_at=moment(value.get("create_time")),
        updated_at=moment(value.get("update_time")),
        place=place,
        archived=value.get("is_archived") is True,
        pinned=value.get("is_starred") is True,
    )


def _node(id: str, told: dict[str, Any], left_out: Counter[str]) -> Node:
    children = told.get("children")
    node = Node(id, [child for child in children if isinstance(child, str)] if isinstance(children, list) else [])
    message = told.get("message")
    if not isinstance(message, dict):
        return node
    content, author, about = (_object(message.get(name)) for name in ("content", "author", "metadata"))
    kind, role = content.get("content_type"), _ROLES.get(text_of(author.get("role")))
    if about.get("is_visually_hidden_from_conversation") is True or author.get("role") == "system":
        return node
    if kind == "thoughts":
        node.thinking = _thoughts(content)
    elif role is None or kind not in _SHOWN or message.get("recipient", "all") != "all":
        left_out["steps of tools"] += author.get("role") == "tool" or message.get("recipient", "all") != "all"
    else:
        node.role = role
        node.model = name_of(about.get("model_slug"))
        node.text = _text(content, node, left_out)
        node.at = moment(message.get("create_time"))
        attached = about.get("attachments")
        left_out[FILES] += len(attached) if isinstance(attached, list) else 0
    return node


def _text(content: dict[str, Any], node: Node, left_out: Counter[str]) -> str:
    """The parts in words, and the images that are there put aside; a message of images that are not says so."""
    parts = content.get("parts")
    said, missing = [], 0
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, str):
            said.append(text_of(part))
            continue
        kind = _object(part).get("content_type")
        if kind == _HEARD:
            said.append(text_of(part.get("text")))
        if kind == _PICTURE:
            url = part.get("asset_pointer")
            missing += not node.takes(url, left_out)
        left_out["recordings"] += kind in _SOUND
    text = "\n\n".join(piece for piece in said if piece)
    return text or (NOT_SHOWN if missing and not node.images else "")


def _thoughts(content: dict[str, Any]) -> str:
    thoughts = content.get("thoughts")
    told = [_object(thought) for thought in thoughts] if isinstance(thoughts, list) else []
    return "\n\n".join(text_of(thought.get("content")) or text_of(thought.get("summary")) for thought in told)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
