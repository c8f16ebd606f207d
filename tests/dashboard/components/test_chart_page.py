"""What the charts are sent: all at first, then what changed since."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from dashboard.components.chart_page import ChartPage, message


def page(first: int, values: list[float], key: str = "1h", name: str = "cost") -> ChartPage:
    edges = tuple(range(first, first + len(values) + 1))
    return ChartPage(
        key, edges, edges, {name: np.array(values), "n": np.arange(first, first + len(values))}, {"more": 1}
    )


def read(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(data))
    return found


def rebuilt(full: dict[str, Any], news: dict[str, Any]) -> list[list[float]]:
    """What the browser makes of a refresh."""
    shift, since = news["shift"], news["from"]
    return [old[shift : shift + since] + new for old, new in zip(full["columns"], news["columns"], strict=True)]


NAN = float("nan")
BEFORE = page(100, [1.0, NAN, 3.0, NAN, 5.0, 6.0, 7.0, 8.0])


def test_at_first_everything_is_sent_with_gaps_as_null() -> None:
    """Columns by name, edges as the first one and the steps from there."""
    data, _ = message(BEFORE, None)
    told = read(data)
    assert told["names"] == ["cost", "n"]
    assert told["columns"][0] == [1.0, None, 3.0, None, 5.0, 6.0, 7.0, 8.0]
    assert told["edges"] == [100, *[1] * 8]
    assert told["more"] == 1


def test_a_refresh_is_only_what_changed() -> None:
    """Also when time has gone on by some buckets; put together it is the whole."""
    _, sent = message(BEFORE, None)
    after = page(102, [3.0, NAN, 5.0, 6.0, 7.0, 8.5, 9.0, NAN])
    data, _ = message(after, sent)
    news = read(data)
    assert (news["on"], news["shift"], news["from"]) == (BEFORE.id, 2, 5)
    assert rebuilt(read(BEFORE.full), news) == read(after.full)["columns"]


def test_refreshes_do_not_build_on_each_other() -> None:
    """The second one alone is enough, should the first be lost."""
    _, sent = message(BEFORE, None)
    _, sent = message(page(101, [NAN, 3.0, NAN, 5.0, 6.0, 7.0, 8.0, 9.0]), sent)
    after = page(102, [3.0, NAN, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    data, _ = message(after, sent)
    assert rebuilt(read(BEFORE.full), read(data)) == read(after.full)["columns"]


def test_what_is_unlike_is_sent_in_full() -> None:
    """Another range, another group, a leap in time, or a change far back."""
    _, sent = message(BEFORE, None)
    unlike = (
        page(100, [1.0] * 8, key="24h"),
        page(100, [1.0, NAN, 3.0, NAN, 5.0, 6.0, 7.0, 8.0], name="other"),
        page(200, [1.0] * 8),
        page(100, [2.0, NAN, 3.0, NAN, 5.0, 6.0, 7.0, 8.0]),
    )
    for after in unlike:
        data, now = message(after, sent)
        assert "on" not in read(data)
        assert now.page is after


def test_the_same_page_is_the_same_message() -> None:
    """So that Streamlit has nothing to hand to the browser's script."""
    _, sent = message(BEFORE, None)
    first, sent = message(BEFORE, sent)
    again, _ = message(BEFORE, sent)
    assert again is first
    assert len(first) < len(BEFORE.full)
