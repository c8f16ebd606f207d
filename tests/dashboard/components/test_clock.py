"""Times as the reader's clock shows them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from dashboard.components.clock import reader_now, reader_time

    st.text(f"{reader_time(1_782_907_200_000):%Y-%m-%d %H:%M}")
    st.text(str(reader_now().utcoffset()))


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "2026-07-01 14:00"),
        ("America/Los_Angeles", "2026-07-01 05:00"),
        ("Asia/Kathmandu", "2026-07-01 17:45"),
        ("Mars/Olympus_Mons", "2026-07-01 12:00"),
        ("../../etc/passwd", "2026-07-01 12:00"),
        ("", "2026-07-01 12:00"),
    ],
)
def test_the_browsers_zone_counts(zone: str, shown: str) -> None:
    """A zone nobody knows, or a path in its place, is UTC."""
    page = AppTest.from_function(_page)
    page.context["timezone"] = zone
    page.run()
    assert not page.exception
    assert page.text[0].value == shown
