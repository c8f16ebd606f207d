"""Times in the reader's zone. The core knows only UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def reader_zone() -> tzinfo:
    """The time zone of the reader's browser; UTC where it says none."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def reader_time(milliseconds: int) -> datetime:
    """A stored time (ms since 1970, UTC) as the reader's clock shows it."""
    return datetime.fromtimestamp(milliseconds / 1000, reader_zone())


def reader_now() -> datetime:
    return datetime.now(reader_zone())
