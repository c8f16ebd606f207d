"""The rows that requests through the door leave behind."""

from __future__ import annotations

import asyncio

from conductor_core.metrics.call import Call
from tests.api.door import Open


async def ended_call(door: Open, model: str) -> Call:
    """The newest row of a model's, once it is committed as ended."""
    while True:
        for call in door.conductor.store.recent_calls(50):
            if call.model == model and call.latency_ms is not None:
                return call
        await asyncio.sleep(0.01)
