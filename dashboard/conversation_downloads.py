"""All conversations as one file: streamed, so that neither server nor browser ever holds all of them."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dashboard import runtime
from dashboard.conversation_page import page

JSON, HTML = "/download/conversations.json", "/download/conversations.html"


async def _document(_: Request) -> Response:
    return _file(runtime.get_conductor().transfer.all(), "conversations.json", "application/json")


async def _page(_: Request) -> Response:
    transfer = runtime.get_conductor().transfer
    return _file(
        page(transfer.transcripts(), "Conversations", transfer.file), "conversations.html", "text/html; charset=utf-8"
    )


routes = [Route(JSON, _document, methods=["GET"]), Route(HTML, _page, methods=["GET"])]


def _file(pieces: Iterator[bytes] | Iterator[str], name: str, media: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(pieces, media_type=media, headers=headers)
