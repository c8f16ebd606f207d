"""The event decoder and the joiner of split characters."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.providers.sse import SSEDecoder, SurrogateJoiner

STREAM = (
    "\ufeff: a comment\r\ndata: Grüße\u2028aus\x85Köln\r\n\r\nevent: x\nid: 7\ndata:no space\n\n"
    "data: two\rdata: lines\r\rdata\n\nretry: 5\ndata:  kept space\n\r\ndata: 👋\r\n\n"
).encode()
PAYLOADS = ["Grüße\u2028aus\x85Köln", "no space", "two\nlines", "", " kept space", "👋"]


def decode(pieces: list[bytes]) -> list[str]:
    decoder = SSEDecoder()
    return [payload.decode() for piece in pieces for payload in decoder.feed(piece)]


def test_reads_the_stream_format() -> None:
    """All line ends, comments, other fields, several data lines, a leading BOM; other line separators are text."""
    assert decode([STREAM]) == PAYLOADS


def test_byte_by_byte() -> None:
    """The smallest pieces give the same payloads."""
    assert decode([STREAM[i : i + 1] for i in range(len(STREAM))]) == PAYLOADS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_payloads(cuts: list[int]) -> None:
    """Where the network cuts the bytes does not matter, inside characters and line ends too."""
    edges = [0, *sorted(cuts), len(STREAM)]
    assert decode([STREAM[a:b] for a, b in pairwise(edges)]) == PAYLOADS


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1), max_size=5),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.integers(1, 9),
)
def test_what_is_sent_arrives(texts: list[str], end: str, size: int) -> None:
    """Any text without a line end comes out as it went in, whatever ends its lines."""
    sent = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    assert decode([sent[i : i + size] for i in range(0, len(sent), size)]) == texts


def test_flush_gives_the_unfinished_event() -> None:
    """A stream that ends without its last blank line still gives its last payload; a second flush gives none."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: one\n\ndata: two\ndata: thr") == [b"one"]
    assert decoder.flush() == [b"two\nthr"]
    assert decoder.flush() == []


def test_a_payload_appears_as_soon_as_it_is_complete() -> None:
    """A lone CR ends a line at once; a LF after it, in the next read, is not a line of its own."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: one\r\r") == [b"one"]
    assert decoder.feed(b"\ndata: two\n\n") == [b"two"]


@given(st.text(st.characters(codec="utf-16")), st.integers(1, 4))
def test_joins_halves(text: str, size: int) -> None:
    """Text cut between UTF-16 units comes out whole, and storable."""
    units = text.encode("utf-16-le")
    step = size * 2
    pieces = [units[i : i + step].decode("utf-16-le", "surrogatepass") for i in range(0, len(units), step)]
    joiner = SurrogateJoiner()
    assert "".join(map(joiner.feed, pieces)) + joiner.flush() == text.replace("\0", "")


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (["a\ud83d", "\ude00b"], "a\U0001f600b"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ude00"], "a\ufffd"),
        (["\ud83d"], "\ufffd"),
        (["\ud83d", "", "\ude00"], "\U0001f600"),
        (["nul\0"], "nul"),
    ],
)
def test_replaces_lone_halves(pieces: list[str], joined: str) -> None:
    """A half without its other becomes U+FFFD; NUL is dropped."""
    joiner = SurrogateJoiner()
    assert "".join(map(joiner.feed, pieces)) + joiner.flush() == joined
