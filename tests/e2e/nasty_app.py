"""The nasty page behind the real door, without a Conductor."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from dashboard.faults import report_script_error  # noqa: E402 - needs the path above
from dashboard.guard import Guard  # noqa: E402 - needs the path above
from dashboard.startup import load_policy  # noqa: E402 - needs the path above

app = st.App(
    Path(__file__).with_name("nasty_page.py"),
    middleware=[Middleware(Guard, load=load_policy)],
    on_script_error=report_script_error,
)
