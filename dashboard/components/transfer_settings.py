"""In Settings: all conversations out, as a file, and conversations from a file in."""

from __future__ import annotations

import streamlit as st

from conductor_core.transfer.file import MOST_BYTES_IN_LINES
from conductor_core.transfer.moving import Report
from dashboard import state, transfer_actions
from dashboard.components import numbers, untrusted
from dashboard.conversation_downloads import HTML, JSON

_LINKS = (
    f'<div class="downloads"><a href="{JSON}" download>Export all as JSON</a>'
    f'<a href="{HTML}" download>Export all as HTML</a></div>'
)


def conversations() -> None:
    """Two cards: out and in."""
    with st.grid(min_column_width=320, gap="small"):
        with st.container(border=True, height="stretch", gap="small"):
            st.html(_LINKS)
            st.caption(
                "JSON holds everything, also branches and files, and can be imported again, here or elsewhere; of a "
                "blind comparison it tells who answered. HTML is for reading and printing, with its pictures in it."
            )
        with st.container(border=True, height="stretch", gap="small"):
            _import()


def words(report: Report) -> str:
    """`Imported 12 conversations with 96 messages and 2 files. 3 were here already and stay as they are.`"""
    if not report.conversations:
        some = f"All {numbers.count(report.already)} conversations of this file are here already."
        one = "The conversation of this file is here already." if report.already == 1 else some
        return f"{one} Nothing was changed." if report.already else "There is no conversation in this file."
    files = f" and {_counted(report.files, 'file')}" if report.files else ""
    messages = _counted(report.messages, "message")
    told = f"Imported {_counted(report.conversations, 'conversation')} with {messages}{files}."
    if report.already:
        told += f" {numbers.count(report.already)} of the file were here already and stay as they are."
    return told


def left_out(report: Report) -> str:
    """`Left out: images that are not in the file (3), steps of tools (1).`; empty when nothing was."""
    kinds = [f"{kind} ({numbers.count(number)})" for kind, number in sorted(report.left_out.items())]
    return f"Left out: {', '.join(kinds)}." if kinds else ""


def _import() -> None:
    settings = state.settings()
    file = st.file_uploader(
        "Import conversations",
        type=["json", "zip"],
        key=f"import-{settings.imports}",
        max_upload_size=MOST_BYTES_IN_LINES // 1_000_000,
        help="What Conductor exported as JSON, ChatGPT's export (its zip or conversations.json), or Open WebUI's.",
    )
    if file is not None:
        st.button("Import", key="import", type="primary", on_click=transfer_actions.bring, args=(file,))
    if transfer_actions.PLACE in settings.refusals:
        untrusted.error(f"Nothing was imported. {settings.refusals[transfer_actions.PLACE]}")
    if settings.brought:
        st.success(untrusted.plain(words(settings.brought)))
        if told := left_out(settings.brought):
            untrusted.caption(told)


def _counted(number: int, noun: str) -> str:
    return f"{numbers.count(number)} {noun}{'' if number == 1 else 's'}"
