"""What a page shows when its script fails: one sentence and the id under which the log has the rest."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

_log = logging.getLogger("conductor.page")


def report_script_error(error: Exception) -> bool:
    """Logs an exception no page caught and draws a sentence in its place. Streamlit calls it in the script's thread."""
    request_id = secrets.token_hex(6)
    _log.error("page_failed", extra={"request_id": request_id}, exc_info=error)
    st.error(
        f"This page could not be drawn. Reload it; if it happens again, the log says why under request `{request_id}`.",
        icon="⚠️",
    )
    return True
