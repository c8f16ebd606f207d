"""Two copies of the app on one PostgreSQL, each in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from conductor_core.secret import Secret
from tests.beside import upstream_beside
from tests.e2e.reading import answered, choose, opened, send
from tests.installation import KEY
from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e


def test_a_chat_in_one_copy_is_on_the_others_health_page(
    tmp_path: Path, postgres_url: Secret, browser: BrowserContext
) -> None:
    """By itself, with the page's next refreshes; and the conversation is in the other's list."""
    one, two = free_port(), free_port()
    with upstream_beside() as beside:
        variables = {
            "CONDUCTOR_DATABASE_URL": postgres_url.reveal(),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{beside.upstream.url}/v1",
        }
        with (
            serving(streamlit_run(one), one, tmp_path / "one", **variables) as first,
            serving(streamlit_run(two), two, tmp_path / "two", **variables) as second,
        ):
            chat = opened(browser, first.url)
            choose(chat, "OpenAI")
            send(chat, "Hello there")
            answered(chat)
            health = browser.new_page()
            health.goto(f"{second.url}/health?range=15m")
            expect(health.get_by_text("1 request ·")).to_be_visible()
            send(chat, "And again")
            answered(chat, 2)
            expect(health.get_by_text("2 requests ·")).to_be_visible()
            health.goto(second.url)
            expect(health.get_by_role("button", name="Hello there", exact=True)).to_be_visible()
            health.close()
            chat.close()
