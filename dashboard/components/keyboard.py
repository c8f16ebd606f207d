"""The keys of Chat and Compare: named in one place, and told in a small list."""

from __future__ import annotations

import streamlit as st

NEW, TEMPLATES, STOP = "Ctrl+Shift+O", "Ctrl+Shift+L", "Escape"
"""As Streamlit's buttons take them; on a Mac, Ctrl is ⌘."""
KEYS = (
    ("Enter", "Send"),
    ("Shift + Enter", "Begin a line"),
    ("↑ ↓", "In the empty box: prompts sent before"),
    ("Esc", "Stop the answer"),
    ("Ctrl + Shift + O", "New chat or comparison"),
    ("Ctrl + K", "Search"),
    ("Ctrl + Shift + L", "Prompt templates"),
    ("Shift + Esc", "To the message box"),
)


def draw() -> None:
    """The list, behind a quiet button."""
    rows = "".join(f"<dt><kbd>{key}</kbd></dt><dd>{what}</dd>" for key, what in KEYS)
    with st.popover("Keyboard", key="keyboard", type="tertiary", icon=":material/keyboard:"):
        st.html(f'<dl class="keys-list">{rows}</dl>')
