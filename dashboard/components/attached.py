"""What goes with a prompt: small pictures that open in full, and names of files with their size."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from conductor_core.answers import AttachedFile
from conductor_core.attachments import TEXT
from dashboard import attached_files, state
from dashboard.components import untrusted
from dashboard.components.numbers import size


def draw(files: Sequence[AttachedFile]) -> None:
    """Under the prompt they go with."""
    if files:
        st.html(f'<div class="attached">{"".join(map(_one, files))}</div>')


def waiting(page: state.ChatState | state.CompareState) -> None:
    """Above the box: what could not be sent yet, and goes with the next message."""
    if not page.files:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="files-waiting"):
        st.caption(f"With the next message: {', '.join(untrusted.plain(file.name) for file in page.files)}")
        st.button("Remove", key="forget-files", type="tertiary", on_click=page.files.clear)


def _one(file: AttachedFile) -> str:
    name, address = untrusted.line(file.name), attached_files.address(file.id)
    if file.media_type == TEXT:
        return f'<a href="{address}" download>{name} <small>{size(file.size)}</small></a>'
    picture = f'<img src="{address}" alt="{name}" loading="lazy">'
    return f'<a href="{address}" target="_blank" rel="noopener" title="{name}, {size(file.size)}">{picture}</a>'
