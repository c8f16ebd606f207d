"""The process: Streamlit's server with our door in front and the Conductor on its loop.

    python -m streamlit run dashboard/app.py        uvicorn dashboard.app:app        python dashboard/app.py

Streamlit finds the application by reading this file, so `app = st.App(...)` has to stay a literal assignment.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

FOLDER = Path(__file__).resolve().parent
if str(FOLDER.parent) not in sys.path:
    # `streamlit run` puts only this folder on the path.
    sys.path.insert(0, str(FOLDER.parent))

from conductor_core import interpreter  # noqa: E402 - needs the path above
from conductor_core.api import create_app  # noqa: E402 - needs the path above
from dashboard import (  # noqa: E402 - needs the path above
    attached_files,
    call_downloads,
    conversation_downloads,
    plotly_file,
    runtime,
    set_downloads,
)
from dashboard.conversation_page import page  # noqa: E402 - needs the path above
from dashboard.faults import report_script_error  # noqa: E402 - needs the path above
from dashboard.guard import Guard  # noqa: E402 - needs the path above
from dashboard.startup import load_policy, serve_conductor  # noqa: E402 - needs the path above


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Holds the Conductor open while the server runs."""
    async with serve_conductor():
        interpreter.serve()
        yield


app = st.App(
    FOLDER / "main.py",
    lifespan=lifespan,
    routes=[
        plotly_file.route,
        call_downloads.route,
        set_downloads.route,
        attached_files.route,
        *conversation_downloads.routes,
    ],
    middleware=[Middleware(Guard, load=load_policy, api=create_app(runtime.get_conductor, page=page))],
    on_script_error=report_script_error,
)

if __name__ == "__main__":
    from conductor_core.settings import Environment, Settings

    settings = Settings.load(Environment.read())
    app.run(config={"server.address": settings.host, "server.port": settings.port})
