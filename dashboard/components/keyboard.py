"""The keys of Chat and Compare: named in one place, and told in a small list."""

from __future__ import annotations

import streamlit as st

NEW, TEMPLATES, STOP = "Ctrl+Shift+O", "Ctrl+Shift+L", "Escape"
"""As Streamlit's buttons take them; on a Mac, Ctrl is ⌘."""
SEND, LINE, EARLIER, SEARCH, TO_BOX = "Enter", "Shift+Enter", "↑", "Ctrl+K", "Shift+Escape"
"""These the browser's part of the page listens to."""
KEYS = (
    (SEND, "Send"),
    (LINE, "Begin a line"),
    (f"{EARLIER} ↓", "In the empty box: prompts sent before"),
    (STOP, "Stop the answer"),
    (NEW, "New chat or comparison"),
    (SEARCH, "Search"),
    (TEMPLATES, "Prompt templates"),
    (TO_BOX, "To the message box"),
)


def spelled(key: str) -> str:
    """As a reader is told of a key: `Ctrl + Shift + O`, `Esc`."""
    return key.replace("+", " + ").replace("Escape", "Esc")


def draw() -> None:
    """The list, behind a quiet button."""
    rows = "".join(f"<dt><kbd>{spelled(key)}</kbd></dt><dd>{what}</dd>" for key, what in KEYS)
    with st.popover("Keyboard", key="keyboard", type="tertiary", icon=":material/keyboard:"):
        st.html(f'<dl class="keys-list">{rows}</dl>')
