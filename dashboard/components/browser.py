"""What only the browser can do: copy to the clipboard, listen to keys, say how wide it is and if somebody is there.

Streamlit's own way to ship a component's script is a blob, which our content policy refuses; a file of a registered
folder is served from our own address. Streamlit registers folders of installed packages only, so this one is
registered by hand.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.component_manager import BidiComponentManager

NARROW_BELOW_PX = 900
IDLE_SECONDS = 600
"""So long without a touch, or a tenth of it out of sight, and nobody is taken to be there."""

_PARTS = ("copy", "viewport", "attendance", "charts", "calls", "seek", "message_box", "keys", "cells", "cards")


def copy_button(text: str, *, key: str, label: str = "Copy this answer") -> None:
    """A button that copies `text`. `label` is what screen readers say."""
    component("copy", css="copy.css")(key=key, data={"text": text, "label": label}, width="content")


def is_narrow(known: bool) -> bool:
    """Whether the window is under 900 px. Until the browser has answered, what was `known` before."""
    seen = component("viewport")(
        key="viewport",
        data={"below": NARROW_BELOW_PX, "narrow": known},
        default={"narrow": known},
        on_narrow_change=lambda: None,
        height=1,
    )
    return bool(seen.narrow)


def is_attended() -> bool:
    """Whether somebody looks at this page, or has touched it lately. Until the browser has answered: yes."""
    seen = component("attendance")(
        key="attendance",
        data={"idle": IDLE_SECONDS, "unseen": IDLE_SECONDS // 10},
        default={"attended": True},
        on_attended_change=lambda: None,
        height=1,
    )
    return bool(seen.attended)


def listen_to_keys() -> None:
    """Has the keys work that belong to no button: to the search, and to the message box."""
    component("keys")(key="keys", data={}, height=1)


def component(name: str, css: str | None = None) -> Any:
    """One of our components: call what this returns to mount it."""
    from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager

    return _registered(get_bidi_component_manager(), name, css)


@lru_cache(maxsize=2 * len(_PARTS))
def _registered(manager: BidiComponentManager, name: str, css: str | None) -> Any:
    """Once per server: to look for the files again took a quarter of drawing a long conversation."""
    from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

    if manager.get_component_path(f"conductor.{name}") is None:
        manager.register_from_manifest(
            ComponentManifest("conductor", "1", [ComponentConfig(part, "assets") for part in _PARTS]),
            Path(__file__).resolve().parent,
        )
    return st.components.v2.component(f"conductor.{name}", js=f"{name}.js", css=css, isolate_styles=False)
