"""What the charts are sent: columns of numbers with a head of few words, deflated; of a refresh only the newest part.

A refresh names what the browser has in full and how much of it still holds, never the refresh before it: so nothing is
wrong when one is lost on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dashboard.components.packed import packed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64] | NDArray[np.int64]

_WORTH = 0.5
"""A refresh of more than this share of the buckets is sent in full."""


class ChartPage:
    """Everything the charts draw at one moment.

    Attributes:
        key: what is shown; another key, and a zoom is forgotten.
        edges: of the buckets, UTC ms; `wall`: the same by the reader's clock, as if that were UTC.
        columns: a number per bucket each; NaN is a gap.
        head: whatever else the charts need.
    """

    def __init__(
        self,
        key: str,
        edges: tuple[int, ...],
        wall: tuple[int, ...],
        columns: Mapping[str, Column],
        head: dict[str, Any],
    ) -> None:
        self.key = key
        self.edges = edges
        self.wall = wall
        self.columns = columns
        self.head = head

    @cached_property
    def full(self) -> bytes:
        """All of it."""
        return self._packed(list(self.columns.values()), {"id": self.id})

    @cached_property
    def id(self) -> str:
        """The same for the same columns."""
        digest = blake2b(repr((self.key, self.edges)).encode(), digest_size=8)
        for name, column in self.columns.items():
            digest.update(name.encode())
            digest.update(column.tobytes())
        return digest.hexdigest()

    def since(self, sent: ChartPage) -> bytes | None:
        """What changed since another page was sent in full; None where that is no less than all."""
        shift = self._shift(sent)
        if shift is None:
            return None
        count = len(self.edges) - 1
        same = self._same(sent, shift)
        if count - same > _WORTH * count:
            return None
        news = [column[same:] for column in self.columns.values()]
        return self._packed(news, {"on": sent.id, "shift": shift, "from": same})

    def _shift(self, sent: ChartPage) -> int | None:
        """By how many buckets this page is later than that one, where otherwise they are alike."""
        if self.key != sent.key or list(self.columns) != list(sent.columns) or self.edges[0] not in sent.edges[:-1]:
            return None
        shift = sent.edges.index(self.edges[0])
        kept = len(sent.edges) - shift
        return shift if self.edges[:kept] == sent.edges[shift:] else None

    def _same(self, sent: ChartPage, shift: int) -> int:
        """How many buckets from the start on are as they were, in every column."""
        import numpy as np

        old = sent.table[:, shift:]
        new = self.table[:, : old.shape[1]]
        differ = ((new != old) & ~(np.isnan(new) & np.isnan(old))).any(axis=0)
        return int(differ.argmax()) if differ.any() else len(differ)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """A row per column, to compare: two hundred small comparisons take longer than a large one."""
        import numpy as np

        columns = [column.astype(np.float64, copy=False) for column in self.columns.values()]
        return np.concatenate(columns).reshape(len(columns), -1) if columns else np.zeros((0, len(self.edges) - 1))

    def _packed(self, columns: list[Column], place: dict[str, Any]) -> bytes:
        import numpy as np

        told = {
            "key": self.key,
            "edges": _steps(self.edges),
            "wall": _steps(self.wall),
            "names": list(self.columns),
            "columns": [np.ascontiguousarray(column) for column in columns],
        }
        return packed(told | place | self.head)


@dataclass(slots=True)
class Sent:
    """What one browser tab has of the charts.

    Attributes:
        page: sent in full.
        newest: what was sent last, and the page it tells.
    """

    page: ChartPage
    newest: tuple[ChartPage, bytes]


def message(page: ChartPage, sent: Sent | None) -> tuple[bytes, Sent]:
    """What to send to a tab that has `sent`, and what it has then. Nothing new is the same few bytes each time."""
    if sent and sent.newest[0] is page and sent.newest[1] is not page.full:
        return sent.newest[1], sent
    news = page.since(sent.page) if sent else None
    if news is None or sent is None:
        return page.full, Sent(page, (page, page.full))
    return news, Sent(sent.page, (page, news))


def _steps(edges: tuple[int, ...]) -> list[int]:
    """The first edge and the distances, which are mostly one number over and over."""
    return [edges[0], *(later - edge for edge, later in pairwise(edges))]
