"""What goes with a message, for the browser to show: images as they are, texts as a download.

Only media types that the core found in the content are ever named, so nothing a person handed in is run by a browser.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from conductor_core.attachments import TEXT
from conductor_core.errors import StoreError
from dashboard import runtime


def address(id: str) -> str:
    """Where a file is read."""
    return f"/attached/{id}"


async def attached(request: Request) -> Response:
    """The file; it never changes, and is for this reader alone."""
    store = runtime.get_conductor().store
    try:
        found = await run_in_threadpool(store.attachments, [request.path_params["id"]])
    except StoreError as error:
        return PlainTextResponse(str(error), 503)
    if not found:
        return PlainTextResponse("There is no such file. Its conversation may have been deleted.", 404)
    [file] = found
    headers = {"cache-control": "private, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    media_type = file.media_type
    if file.media_type == TEXT:
        media_type = "text/plain; charset=utf-8"
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(_text_name(file.name))}"
    return Response(file.data, media_type=media_type, headers=headers)


route = Route("/attached/{id}", attached, methods=["GET"])


def _text_name(name: str) -> str:
    """What was read out of a PDF is none any more."""
    return f"{name}.txt" if name.lower().endswith(".pdf") else name
