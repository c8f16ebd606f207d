"""Prompt templates at a message box: chosen, filled in, looked at, and put into the box or sent; kept and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from conductor_core.errors import UserError
from conductor_core.kinds import Keepsake
from conductor_core.store.library_rows import Kept
from conductor_core.templates import Variable, filled, variables
from dashboard import actions, library_actions, runtime, state
from dashboard.components import keyboard, library, untrusted

HELP = f"Prompts kept under a name, with places to fill in ({keyboard.spelled(keyboard.TEMPLATES)})"
VALUE_HEIGHT, PREVIEW_HEIGHT = 68, 150
Send = Callable[[str], None]


def offer(place: str) -> None:
    """Opens the dialog; by its shortcut, too."""
    st.button(
        "Templates",
        key="templates",
        icon=":material/text_snippet:",
        type="tertiary",
        help=HELP,
        shortcut=keyboard.TEMPLATES,
        on_click=library_actions.open_at,
        args=(place,),
    )


def ask(place: str, box: state.Box, send: Send) -> None:
    """The dialog that was opened at this message box."""
    if state.library().place == place:
        _dialog(box, send)


@st.dialog("Prompt templates", width="medium", on_dismiss=library_actions.close)
def _dialog(box: state.Box, send: Send) -> None:
    asked = state.library()
    if asked.deleting:
        library.deletion(asked.deleting, library_actions.browse)
    elif asked.writing:
        library.text_form(asked.writing, _kept, library_actions.browse)
    else:
        _browse(box, send)


def _browse(box: state.Box, send: Send) -> None:
    asked = state.library()
    names = {title.id: title.name for title in runtime.get_conductor().library.titles(Keepsake.TEMPLATE)}
    if names:
        ids = list(names)
        asked.chosen = st.selectbox(
            "Template",
            ids,
            index=ids.index(asked.chosen) if asked.chosen in names else None,
            format_func=lambda id: untrusted.isolated(names.get(str(id), str(id))),
            key=f"template-{asked.opened}",
            placeholder="Choose one",
        )
    else:
        st.caption(
            "A template is a prompt kept under a name, for everyone who uses this installation. "
            "Its variables, such as `{{city}}`, are asked for when it is used."
        )
    chosen = asked.chosen if asked.chosen in names else None
    if chosen:
        _use(chosen, box, send)
    with st.container(horizontal=True, gap="small", key="template-choices"):
        st.button(
            "New …", key="template-new", icon=":material/add:", type="tertiary" if names else "secondary",
            on_click=library_actions.write_new, args=(Keepsake.TEMPLATE,),
        )  # fmt: skip
        if chosen:
            st.button("Edit …", key="template-edit", type="tertiary", on_click=library_actions.edit, args=(chosen,))
            st.button(
                "Delete …",
                key="template-delete",
                type="tertiary",
                on_click=library_actions.ask_to_delete,
                args=(chosen,),
            )
    library.refusal()


def _use(id: str, box: state.Box, send: Send) -> None:
    """What it asks for, what comes of it, and where that goes."""
    try:
        text = runtime.get_conductor().library.one(id).text
        asked = variables(text)
    except UserError as error:
        untrusted.error(str(error))
        return
    values = {variable.name: _value(variable, id) for variable in asked}
    if asked:
        st.caption("What comes of it")
    lacking = {one.name: f"{{{{{one.name}}}}}" for one in asked if _lacks(one, values)}
    untrusted.verbatim(filled(text, values | lacking), PREVIEW_HEIGHT)
    with st.container(horizontal=True, gap="small", key="template-use"):
        put = st.button("Put into the box", type="primary", key="template-put")
        at_once = st.button("Send", key="template-send")
    if not put and not at_once:
        return
    try:
        result = filled(text, values)
    except UserError as error:
        untrusted.error(str(error))
        return
    library_actions.close((lambda: actions.put(box, result)) if put else (lambda: send(result)))
    st.rerun()


def _lacks(variable: Variable, values: Mapping[str, str]) -> bool:
    return variable.default is None and not values[variable.name]


def _value(variable: Variable, id: str) -> str:
    """What a variable is filled with; empty: its default."""
    written = st.text_area(
        untrusted.plain(variable.name),
        key=f"variable-{id}-{variable.name}-{state.library().opened}",
        placeholder=variable.default or None,
        height=VALUE_HEIGHT,
    )
    return written or ""


def _kept(kept: Kept) -> None:
    library_actions.browse(kept.id)
