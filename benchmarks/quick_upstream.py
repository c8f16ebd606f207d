"""An upstream of OpenAI's dialect that is never the slow side: prepared bytes over a bare socket.

    python -m benchmarks.quick_upstream --port 0

Prints its address once it listens. `chunks-200` in the model's name asks for so many pieces of a streamed answer, one
per turn of its loop. Measured against a server that makes each piece when it is due, a reader would be paid for waking
once per piece instead of for reading it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator
from functools import cache

import orjson

WORDS = ["Measure", "twice", "and", "cut", "once,", "says", "whoever", "has", "cut", "before.", ""]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream" *: *true')
_CHUNKS = re.compile(rb"chunks-(\d+)")
_USAGE = {"prompt_tokens": 60, "completion_tokens": 100, "total_tokens": 160}
_FACTS = {"id": "chatcmpl-1", "created": 1764000000, "model": "gpt-4.1-mini"}


@cache
def whole() -> bytes:
    """A whole answer, headers and all."""
    message = {"role": "assistant", "content": " ".join(WORDS * 10)}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = orjson.dumps({**_FACTS, "object": "chat.completion", "choices": choices, "usage": _USAGE})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@cache
def pieces(count: int) -> tuple[bytes, ...]:
    """A streamed answer of so many pieces, each as it goes onto the wire."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    said = [_event([{"index": 0, "delta": {"content": WORDS[n % len(WORDS)] + " "}}]) for n in range(count)]
    end = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _event([], usage=_USAGE)
    return (head + said[0], *said[1:], end + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    event = {**_FACTS, "object": "chat.completion.chunk", "choices": choices, **more}
    return _chunk(b"data: %b\n\n" % orjson.dumps(event))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One client. It sends its next request when it has the answer to the last."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        if _STREAM.search(body):
            count = _CHUNKS.search(body)
            self._send(iter(pieces(int(count[1] if count else 100))))
        else:
            self._transport.write(whole())

    def _send(self, left: Iterator[bytes]) -> None:
        piece = next(left, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            asyncio.get_running_loop().call_soon(self._send, left)


async def serve(port: int) -> None:
    """Until it is killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
