"""What the writer's thread does between batches: at its time, one run after the other, whatever goes wrong in it."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from conductor_core.store.backend import Backend

Work = Callable[[], float | None]
"""Returns the seconds until it wants to run again; None when it has nothing to do until it is asked for."""

REST = 1.0
"""Seconds at least between two runs of work that is asked for again and again."""

_log = structlog.get_logger()


class Chore:
    """One kind of work and when it is due.

    Attributes:
        due: when it runs next, in s of the monotonic clock; None when it has nothing to do.
        trouble: a sentence for people while the database keeps it from being done, else nothing.
    """

    def __init__(self, work: Work, backend: Backend) -> None:
        self._work = work
        self._backend = backend
        self._ran = 0.0
        self._failures = 0
        self.due: float | None = 0.0
        self.trouble = ""

    @property
    def is_due(self) -> bool:
        """Whether its time has come."""
        return self.due is not None and self.due <= time.monotonic()

    def ask(self, within: float = REST) -> None:
        """There is something to do: it runs so many s after its last run, or now if that is longer ago."""
        wanted = self._ran + within
        if not self._failures and (self.due is None or self.due > wanted):
            self.due = wanted

    def run(self) -> bool:
        """Runs it once; whether it wants to run again at once."""
        try:
            rest = self._work()
        except self._backend.errors as error:
            self.trouble = self._backend.sentence(error)
            return self._fail()
        except Exception:  # noqa: BLE001 the writer's thread must outlive it
            _log.exception("a chore of the writer failed")
            return self._fail()
        self._failures, self.trouble = 0, ""
        self._ran = time.monotonic()
        self.due = None if rest is None else self._ran + rest
        return rest is not None and rest <= 0

    def _fail(self) -> bool:
        self._failures += 1
        self._ran = time.monotonic()
        self.due = self._ran + self._backend.pause(self._failures)
        return False
