from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    from dashboard.faults import report_script_error

    assert report_script_error(RuntimeError("https://h.example/?key=canary-5f1c9a"))


def test_a_failure_shows_an_id_and_logs_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """The reader gets one sentence with a request id; the log has the exception under that id."""
    page = AppTest.from_function(_page).run()
    assert len(page.error) == 1
    shown = page.error[0].value
    request_id = re.search(r"`([0-9a-f]{12})`", shown)
    assert request_id
    assert "canary" not in shown
    record = next(record for record in caplog.records if record.name == "conductor.page")
    assert vars(record)["request_id"] == request_id[1]
    assert record.exc_info
