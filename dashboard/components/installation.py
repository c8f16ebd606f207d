"""What this installation is: its folder, its versions, its door, its local models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from conductor_core import VERSION
from conductor_core.net.listening import UNKNOWN, listening_addresses
from conductor_core.pricing import price_table_version
from conductor_core.providers.local_models import Installation
from conductor_core.settings import Settings
from dashboard import runtime
from dashboard.components import untrusted


def facts() -> None:
    """A quiet two-column list."""
    conductor = runtime.get_conductor()
    rows = facts_of(conductor.settings, conductor.store.facts, runtime.run(_listening()), st.context.url)
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    st.html(f'<dl class="facts-list">{lines}</dl>')


def facts_of(settings: Settings, database: Mapping[str, str], addresses: list[str], url: str | None) -> dict[str, str]:
    """Name and value of each fact; where the database is not our file it says itself what it is."""
    listening = "no server runs" if addresses == [UNKNOWN] else ", ".join(map(_written, addresses))
    return {
        "Data folder": str(settings.home),
        "Database": f"{database_bytes(settings.home) / 1_048_576:.1f} MB",
        "Listening on": listening,
        "Opened as": "/".join(url.split("/")[:3]) if url else "–",
        "Password": "set" if settings.password else "not set: only this machine is let in",
        "Conductor": VERSION,
        "Prices": price_table_version(),
    } | dict(database)


def local_models() -> None:
    """Which files answer on this machine, and what to expect of them."""
    settings = runtime.get_conductor().settings
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown(
            "SmolLM2 is a demonstration: a very small model that runs on this machine, free and private. "
            "Expect sentences, not expertise."
        )
        found = Installation.here().models(settings.local_models)
        for model in found:
            untrusted.caption(f"{model.name} · {model.path.name} · {_megabytes(model.path)}")
        threads = "1 thread" if settings.local_threads == 1 else f"{settings.local_threads} threads"
        untrusted.caption(
            f"Runs on {threads} (CONDUCTOR_LOCAL_THREADS). CONDUCTOR_LOCAL_MODELS adds your own GGUF files."
        )


def database_bytes(home: Path) -> int:
    """The size of the database on the disk, with what is still in its write-ahead log."""
    return sum(path.stat().st_size for path in home.glob("conductor.db*") if path.is_file())


async def _listening() -> list[str]:
    return listening_addresses()


def _written(address: str) -> str:
    return address or "every network interface"


def _megabytes(path: Path) -> str:
    try:
        return f"{os.path.getsize(path) / 1_048_576:.0f} MB"
    except OSError:
        return "not there any more"
