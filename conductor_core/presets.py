"""Presets: sets of lanes kept under a name, for every copy of the app that shares the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from conductor_core.conversations import MOST_LANES
from conductor_core.errors import InvalidRequest
from conductor_core.names import checked_name, id_of_name, refuse_taken
from conductor_core.store.database import Store
from conductor_core.store.records import Preset
from conductor_core.turns import LaneSetup

MOST_PRESETS = 100
_NOUN = "preset"


class Presets:
    """The presets of one installation. No two have the same name, however it is written."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Preset]:
        """By name. Any thread may ask."""
        return self._store.presets()

    async def save(self, name: str, lanes: Sequence[LaneSetup], *, in_turn: bool = False) -> Preset:
        """Keeps lanes under a new name.

        Raises:
            InvalidRequest: a name that is empty, too long or taken, too many lanes, or too many presets.
        """
        name = checked_name(_NOUN, name)
        known = await asyncio.to_thread(self.all)
        if len(known) >= MOST_PRESETS:
            raise InvalidRequest(f"There are {MOST_PRESETS} presets already. Delete one first.", "presets")
        if not 1 <= len(lanes) <= MOST_LANES:
            raise InvalidRequest(f"A preset has 1 to {MOST_LANES} lanes; these are {len(lanes)}.", "lanes")
        setups = [lane.model_copy(update={"first_turn": 0}).model_dump() for lane in lanes]
        preset = Preset(
            id_of_name(_NOUN, name), name, {"lanes": setups, "in_turn": in_turn}, time.time_ns() // 1_000_000
        )
        refuse_taken(_NOUN, name, known)
        await self._store.save_preset(preset)
        return preset

    async def rename(self, preset: Preset, name: str) -> Preset:
        """Gives a preset another name.

        Raises:
            InvalidRequest: a name that is empty, too long or taken.
        """
        name = checked_name(_NOUN, name)
        renamed = replace(preset, id=id_of_name(_NOUN, name), name=name)
        others = [known for known in await asyncio.to_thread(self.all) if known.id != preset.id]
        refuse_taken(_NOUN, name, others)
        await self._store.save_preset(renamed, instead_of=preset.id)
        return renamed

    async def delete(self, preset: Preset) -> None:
        """Deletes a preset; one that is gone already stays so."""
        await self._store.delete_preset(preset.id)


def lanes_of(preset: Preset) -> list[LaneSetup]:
    """What is asked, lane by lane."""
    return [LaneSetup.model_validate(lane) for lane in preset.settings["lanes"]]
