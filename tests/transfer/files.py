"""Files as other programs export them, small."""

from __future__ import annotations

from typing import Any


def chatgpt_node(
    id: str,
    role: str,
    parts: list[Any],
    *children: str,
    kind: str = "text",
    recipient: str = "all",
    **metadata: Any,
) -> dict[str, Any]:
    """One node of `mapping`."""
    content = {"content_type": kind, "parts": parts}
    message = {
        "id": id,
        "author": {"role": role},
        "create_time": 1_700_000_000.5,
        "content": content,
        "recipient": recipient,
        "metadata": metadata,
    }
    return {"id": id, "message": message, "children": list(children)}


def chatgpt(*nodes: dict[str, Any], current: str = "", id: str = "c-1", title: str = "Rivers") -> dict[str, Any]:
    """A conversation with an empty root before its first node."""
    first = nodes[0]["id"] if nodes else ""
    root = {"id": "root", "message": None, "children": [first] if nodes else []}
    return {
        "conversation_id": id,
        "title": title,
        "create_time": 1_700_000_000.123,
        "update_time": 1_700_000_100.0,
        "current_node": current,
        "mapping": {node["id"]: node for node in (root, *nodes)},
    }


def open_webui_message(id: str, parent: str | None, role: str, content: str, *children: str, **more: Any) -> Any:
    return {"id": id, "parentId": parent, "childrenIds": list(children), "role": role, "content": content} | more


def open_webui(*messages: dict[str, Any], current: str = "", id: str = "w-1") -> dict[str, Any]:
    history = {"messages": {message["id"]: message for message in messages}, "currentId": current}
    return {
        "id": id,
        "title": "Lakes",
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_100,
        "pinned": True,
        "archived": False,
        "meta": {"tags": ["water"]},
        "chat": {"title": "Lakes", "history": history, "timestamp": 1_700_000_000_000},
    }
