"""plotly.js for the charts: the file of the installed plotly, from our own address as the content policy asks."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/vendor/plotly.min.js"


async def plotly_file(request: Request) -> Response:
    """The script, gzipped where the browser takes that; a browser that has it already is told so."""
    # In a thread, and only when first asked for: to compress it takes a tenth of a second.
    plain, packed, tag = await run_in_threadpool(_file)
    headers = {"etag": tag, "cache-control": "public, max-age=86400", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="text/javascript", headers=headers | {"content-encoding": "gzip"})
    return Response(plain, media_type="text/javascript", headers=headers)


route = Route(PATH, plotly_file)


@cache
def _file() -> tuple[bytes, bytes, str]:
    """The file as it is, gzipped, and its tag. Found without importing plotly."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    plain = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    return plain, gzip.compress(plain, 6, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
