"""Calls as a file: streamed block by block, so that neither server nor browser ever holds all of them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from conductor_core import call_files
from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Span
from dashboard import runtime

AT_MOST = 1_000_000
"""Rows of one file."""

_KINDS = {"csv": (call_files.csv, "text/csv"), "jsonl": (call_files.jsonl, "application/x-ndjson")}


def address(kind: str, span: Span, filter: Filter) -> str:
    """Where these calls are downloaded, as `csv` or `jsonl`."""
    asked: list[tuple[str, str | int]] = [("since", span.since), ("until", span.until)]
    for name in ("provider", "model", "source", "outcome"):
        asked += [(name, value) for value in getattr(filter, f"{name}s")]
    if filter.conversation:
        asked.append(("conversation", filter.conversation))
    return f"/download/calls.{kind}?{urlencode(asked)}"


async def download(request: Request) -> Response:
    """The file, as long as the reader goes on reading; a question that makes no sense is refused."""
    kind = request.path_params["kind"]
    try:
        write, media = _KINDS[kind]
        span, filter = _asked(request)
    except (KeyError, ValueError):
        return PlainTextResponse("These are no calls that can be downloaded.", 400)
    name = f"calls.{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(_blocks(write, span, filter), media_type=f"{media}; charset=utf-8", headers=headers)


route = Route("/download/calls.{kind}", download, methods=["GET"])


def _blocks(write: call_files.Writer, span: Span, filter: Filter) -> Iterator[str]:
    conductor = runtime.get_conductor()
    return write(conductor.health.export(span, filter, AT_MOST), conductor.keys.name_of)


def _asked(request: Request) -> tuple[Span, Filter]:
    asked = request.query_params
    since, until = int(asked.get("since", "")), int(asked.get("until", ""))
    if not 0 <= since < until:
        raise ValueError
    filter = Filter(
        providers=tuple(asked.getlist("provider")),
        models=tuple(asked.getlist("model")),
        sources=tuple(asked.getlist("source")),
        outcomes=tuple(Outcome(value) for value in asked.getlist("outcome")),
        conversation=asked.get("conversation"),
        drill=runtime.get_conductor().settings.drill,
    )
    return Span((since, until)), filter
