"""A Conductor with the drill on, its simulated providers without waits, dice or mishaps of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from conductor_core.conductor import Conductor
from conductor_core.providers import Registry
from conductor_core.providers.drill_provider import DrillProvider
from tests.installation import installation
from tests.upstream import Upstream


@dataclass(frozen=True)
class Drill:
    """An opened Conductor and its simulated providers: `enqueue` on one plans how its next calls go."""

    conductor: Conductor
    swift: DrillProvider
    steady: DrillProvider
    flaky: DrillProvider
    cuts: DrillProvider


@asynccontextmanager
async def drilling(home: Path, upstream: Upstream | None = None, **variables: str) -> AsyncIterator[Drill]:
    """Opens a Conductor in a drill; every simulated call succeeds at once until a test plans otherwise."""
    async with installation(home, upstream, CONDUCTOR_DRILL="1", **variables) as conductor:
        names = ("swift", "steady", "flaky", "cuts")
        yield Drill(conductor, *(tamed(conductor.providers, f"drill_{name}") for name in names))


def tamed(providers: Registry, name: str) -> DrillProvider:
    """A simulated provider that answers at once and always, until it is told or planned otherwise."""
    provider = providers.get(name)
    assert isinstance(provider, DrillProvider)
    provider.pace = 0.0
    provider.temperament = replace(provider.temperament, spread=0.0, mishaps=())
    return provider
