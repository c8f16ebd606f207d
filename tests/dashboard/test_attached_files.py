"""Files of messages as the browser reads them."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from conductor_core.store.records import Attachment
from dashboard import attached_files
from tests.dashboard.app_pages.pages import Install
from tests.files import PNG
from tests.store.rows import conversation, fresh_id

PICTURE, NOTES = fresh_id(), fresh_id()


@pytest.fixture
def client(install: Install) -> httpx.AsyncClient:
    """A client of an installation with a picture and a text."""
    store = install().store
    chat = conversation()
    store.save_conversation(chat)
    store.save_attachment(Attachment(PICTURE, chat.id, "a.png", "image/png", PNG))
    store.save_attachment(Attachment(NOTES, chat.id, 'Río "x".md', "text/plain", "Río".encode())).result(5)
    app = Starlette(routes=[attached_files.route])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501")


async def test_a_picture_is_shown_and_kept(client: httpx.AsyncClient) -> None:
    found = await client.get(attached_files.address(PICTURE))
    assert (found.status_code, found.headers["content-type"], found.content) == (200, "image/png", PNG)
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in found.headers["cache-control"]


async def test_a_text_is_a_download_under_its_name(client: httpx.AsyncClient) -> None:
    found = await client.get(attached_files.address(NOTES))
    assert found.text == "Río"
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''R%C3%ADo%20%22x%22.md"


async def test_what_is_not_there_is_said(client: httpx.AsyncClient) -> None:
    found = await client.get(attached_files.address(fresh_id()))
    assert (found.status_code, found.text) == (404, "There is no such file. Its conversation may have been deleted.")
