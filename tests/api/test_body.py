"""Strict JSON, against Python's own reader where that is strict enough."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.api.body import DEEPEST, parse
from conductor_core.api.errors import HttpError
from tests.clock import processor_seconds

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=5)
    ),
    max_leaves=30,
)


def refused(body: bytes) -> str:
    """The sentence it is refused with."""
    with pytest.raises(HttpError) as caught:
        parse(body)
    assert (caught.value.problem.status, caught.value.problem.code) == (400, "invalid_json")
    return str(caught.value)


@given(PLAIN, st.booleans(), st.sampled_from([None, 1]))
def test_what_is_json_is_read_as_it_is(value: Any, ascii_only: bool, indent: int | None) -> None:
    """Whatever is in it: quotes, backslashes, colons and brackets inside of texts are no structure."""
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0123456789aeE.+- \nd', max_size=60).map(str.encode))
def test_what_python_refuses_is_refused(body: bytes) -> None:
    """Nothing passes that Python's reader finds no JSON, and nothing else is raised than a 400."""
    with suppress(HttpError):
        parse(body)
        json.loads(body)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), PLAIN, min_size=1, max_size=4), st.data())
def test_a_name_that_is_there_twice_is_found(value: dict[str, Any], data: st.DataObject) -> None:
    """Wherever it stands and however it is escaped."""
    members = [f"{json.dumps(name)}: {json.dumps(inner)}" for name, inner in value.items()]
    again = data.draw(st.sampled_from(sorted(value)))
    escaped = "".join(f"\\u{ord(unit):04x}" for unit in again) if again.isascii() else json.dumps(again)[1:-1]
    members.insert(data.draw(st.integers(0, len(members))), f'"{escaped}": 1')
    assert "a name that this object has already" in refused(("[{" + ", ".join(members) + "}]").encode())


def test_the_place_is_told() -> None:
    """Line and column of what is wrong."""
    assert "(line 2, column 3)" in refused(b'{"a":1,\n  "a":2}')
    assert "(line 2, column 2)" in refused(b"[\n1,\n]")
    assert "(line 1, column 7)" in refused(b'{"a": ' + b"9" * 30 + b"}")


@pytest.mark.parametrize("number", [b"18446744073709551616", b"-9223372036854775809", b"9" * 300])
def test_integers_of_more_than_64_bits_are_refused(number: bytes) -> None:
    """They would become floats, and another number."""
    assert "64 bits" in refused(b"[" + number + b"]")
    assert "infinity" in refused(b"[" + b"9" * 5_000 + b"]")


@pytest.mark.parametrize("number", [b"18446744073709551615", b"-9223372036854775808", b"1.00000000000000000000001"])
def test_long_numbers_that_fit_are_read(number: bytes) -> None:
    """The ends of the range, and a long fraction."""
    assert parse(b"[" + number + b"]") == json.loads(b"[" + number + b"]")


def test_brackets_may_be_so_deep() -> None:
    """Up to the limit, inside of texts any number."""
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST)
    assert "brackets" in refused(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))
    assert parse(json.dumps(["[" * 200]).encode()) == ["[" * 200]


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 500_000,  # a text that never ends: no quote in it may be tried as a beginning
        b'"' * 500_000,
        b'["' + b"\\n" * 500_000 + b'"]',
        b"[" * 500_000,
        b"[" + b"1," * 300_000 + b"1]",
        b'{"a":' * 60 + b"1" + b"}" * 60,
    ],
    ids=range(6),
)
def test_no_body_takes_long(body: bytes) -> None:
    """A megabyte of anything, well below a second."""

    def read() -> None:
        with suppress(HttpError):
            parse(body)

    assert processor_seconds(read) < 1
