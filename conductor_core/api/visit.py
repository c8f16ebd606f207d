"""One request on its way through the door: what its log line and its answer's headers are made of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.types import Scope

from conductor_core.ids import new_id

if TYPE_CHECKING:
    from conductor_core.keys.key import ApiKey
    from conductor_core.keys.limits import Admission

_PLACE = "conductor.visit"


@dataclass(slots=True)
class Visit:
    """One request.

    Attributes:
        id: of the answer's `x-request-id`, and of its call rows.
        began: when it came, in s of `time.perf_counter`.
        key: whose it is, once that is known.
        admission: what it took from its key's limits; settled by the door where nobody did.
        headers: further headers of its answer.
        ended: how it ended where that was not with an answer.
    """

    id: str = field(default_factory=new_id)
    began: float = field(default_factory=time.perf_counter)
    key: ApiKey | None = None
    admission: Admission | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ended: str = ""

    @classmethod
    def of(cls, scope: Scope) -> Visit:
        """The visit a request belongs to; a new one where it came in by no door (a test's)."""
        visit = scope.get(_PLACE)
        if not isinstance(visit, Visit):
            visit = scope[_PLACE] = Visit()
        return visit

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000

    def tell(self, headers: Mapping[str, str]) -> None:
        """Adds headers to its answer, if that has not begun."""
        self.headers.update(headers)
