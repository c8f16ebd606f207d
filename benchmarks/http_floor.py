"""The smallest forwarder in Python that is still a gateway: a key, a model's name, bytes passed on. Nothing is kept.

python -m benchmarks.http_floor --port 9200 --upstream http://127.0.0.1:9100
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

KEY = "Bearer sk-bench"


def build(upstream: str) -> Starlette:
    """The application in front of an upstream."""
    session: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)))
        yield
        await session.pop().close()

    async def forward(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("authorization") != KEY or not isinstance(orjson.loads(body).get("model"), str):
            return Response(status_code=401)
        answer = await session[0].post(f"{upstream}/v1/chat/completions", data=body)
        if answer.content_length is not None:
            return Response(await answer.read(), answer.status, media_type=answer.content_type)
        return StreamingResponse(_pieces(answer), answer.status, media_type=answer.content_type)

    return Starlette(routes=[Route("/v1/chat/completions", forward, methods=["POST"])], lifespan=lifespan)


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for piece in answer.content.iter_any():
            yield piece


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    uvicorn.run(build(options.upstream), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
