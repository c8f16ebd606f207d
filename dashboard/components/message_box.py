"""The message box in the browser: what is typed stays over a reload, earlier prompts come back, its length is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from conductor_core.answers import Transcript
from conductor_core.models import MAX_CHARACTERS
from dashboard import state
from dashboard.components import keyboard
from dashboard.components.browser import component

CHAT, COMPARE = "Message", "One prompt for all lanes"
"""What stands in the empty boxes, and names them to those who hear the page."""
HINT = (
    f"{keyboard.SEND} sends, {keyboard.spelled(keyboard.LINE)} begins a line, "
    f"{keyboard.EARLIER} in the empty box brings back the prompt before"
)
RECALLED_CHARACTERS = 20_000
"""So much of the latest prompts is brought along on every drawing; the last prompt in any case."""


def of_chat(chat: state.ChatState, transcript: Transcript | None) -> int:
    """Looks after the box of Chat; how many characters are in it, as far as the browser has told."""
    return _look_after(chat.box, CHAT, "chat", chat.conversation_id, transcript)


def of_compare(compare: state.CompareState, transcript: Transcript | None) -> None:
    """Looks after the box of Compare."""
    _look_after(compare.box, COMPARE, "compare", compare.comparison_id, transcript)


def latest(prompts: Iterable[str]) -> list[str]:
    """The last one and those before it that there is room for, the last one last."""
    kept: list[str] = []
    room = RECALLED_CHARACTERS
    for prompt in reversed(list(prompts)):
        room -= len(prompt)
        if kept and room < 0:
            break
        kept.insert(0, prompt)
    return kept


def _look_after(box: state.Box, label: str, kind: str, id: str | None, transcript: Transcript | None) -> int:
    deleted = state.menu().deleted
    seen = component("message_box")(
        key="message-box",
        data={
            "label": label,
            "place": f"{kind}:{id or 'new'}",
            "begun": f"{kind}:{box.begun}" if box.begun else "",
            "given": box.given,
            "put": asdict(box.put) if box.put else None,
            "gone": f"{kind}:{deleted.conversation.id}" if deleted else "",
            "prompts": latest(exchange.prompt for exchange in transcript.exchanges) if transcript else [],
            "hint": HINT,
            "counts": kind == "chat",
            "characters": box.characters,
        },
        default={"characters": box.characters},
        on_characters_change=lambda: None,
        height=1,
    )
    return min(max(0, int(seen.characters)), MAX_CHARACTERS)
