"""Gemini's answers: objects found in a streamed array however it is cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conductor_core.providers.gemini_answer import json_objects

TEXT = st.text(st.sampled_from('a"\\{}[],: é😀\n\u2028'), max_size=12)
OBJECTS = st.lists(st.dictionaries(TEXT, st.recursive(TEXT, lambda inner: st.lists(inner, max_size=2), max_leaves=4)))


@st.composite
def cut_arrays(draw: st.DrawFn) -> tuple[list[Any], list[bytes]]:
    """Objects, and their array as JSON in pieces of any size."""
    objects = draw(OBJECTS)
    array = json.dumps(objects, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2]))).encode()
    places = draw(st.lists(st.integers(0, len(array)), max_size=8))
    edges = [0, *sorted(places), len(array)]
    return objects, [array[start:end] for start, end in itertools.pairwise(edges)]


@given(cut_arrays())
def test_finds_every_object(cut: tuple[list[Any], list[bytes]]) -> None:
    """Whatever brackets, quotes and escapes its strings hold, and wherever the network cuts it."""
    objects, pieces = cut
    assert [json.loads(found) for found in json_objects(pieces)] == objects


def test_finds_an_object_at_its_last_byte() -> None:
    """An object is there once its last byte is, not when the next one begins."""
    found = json_objects(iter((b'[{"a":', b"1}", b',{"b"')))
    assert next(found) == b'{"a":1}'


def test_hands_on_what_an_end_leaves_incomplete() -> None:
    """The rest comes last, to be told as broken off."""
    assert list(json_objects((b'[{"a":1},{"b"', b":[2"))) == [b'{"a":1}', b'{"b":[2']


def test_finds_nothing_where_there_is_nothing() -> None:
    """Text without objects has none."""
    assert list(json_objects((b"[", b"]\n"))) == []
