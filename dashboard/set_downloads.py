"""The results of a run as a file: streamed block by block, so that neither server nor browser ever holds all of it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from conductor_core.errors import NotFound
from conductor_core.prompt_sets import files
from dashboard import runtime
from dashboard.files import safe_filename

_KINDS = {"csv": (files.csv, "text/csv"), "jsonl": (files.jsonl, "application/x-ndjson")}


def address(kind: str, run_id: str) -> str:
    """Where the results of a run are downloaded, as `csv` or `jsonl`."""
    return f"/download/prompt-sets/{run_id}.{kind}"


async def download(request: Request) -> Response:
    """The file; of a run that is there, in a form there is."""
    rows = runtime.get_conductor().store.sets
    try:
        write, media = _KINDS[request.path_params["kind"]]
        run = await asyncio.to_thread(rows.run, request.path_params["run"])
        name = (await asyncio.to_thread(rows.prompt_set, run.set_id)).name
    except (KeyError, NotFound):
        return PlainTextResponse("There is no such run of a prompt set to download.", 404)
    file = (
        safe_filename(name.rpartition(".")[0] or name, request.path_params["kind"]).encode("ascii", "ignore").decode()
    )
    headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
    return StreamingResponse(write(rows, run), media_type=f"{media}; charset=utf-8", headers=headers)


route = Route("/download/prompt-sets/{run}.{kind}", download, methods=["GET"])
