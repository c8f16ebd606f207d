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


def moment_words(moment: datetime, now: datetime) -> str:
    """The time of day of today, else the day too: `14:02`, `22 Nov 14:02`. Both are in the reader's zone."""
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment.day} {moment:%b %H:%M}"
