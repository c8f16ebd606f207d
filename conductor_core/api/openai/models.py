"""GET /v1/models and /v1/models/{id}, for OpenAI's clients and for Anthropic's."""

from __future__ import annotations

from typing import Any

from conductor_core.api.errors import Protocol
from conductor_core.api.model_names import aim_of, names, unknown
from conductor_core.conductor import Conductor

_WAIT_SECONDS = 2.0
"""For providers that were not asked yet; whoever takes longer is in the next list."""
_UNKNOWN_TIME = "1970-01-01T00:00:00Z"


async def listed(conductor: Conductor, protocol: Protocol) -> dict[str, Any]:
    """Every name that can be asked for."""
    await conductor.catalog.complete(_WAIT_SECONDS)
    models = [_model(name, owner, protocol) for name, owner in names(conductor)]
    if protocol is Protocol.ANTHROPIC:
        return {"data": models, "has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}
    return {"object": "list", "data": models}


async def found(name: str, conductor: Conductor, protocol: Protocol) -> dict[str, Any]:
    """One of them.

    Raises:
        HttpError: 404.
    """
    await conductor.catalog.complete(_WAIT_SECONDS)
    aim = await aim_of(name, conductor)
    full = f"{aim.provider}/{aim.model}" if aim.model else name
    owner = dict(names(conductor)).get(full)
    if owner is None:
        raise unknown(name, conductor)
    return _model(full, owner, protocol)


def _model(name: str, owner: str, protocol: Protocol) -> dict[str, Any]:
    """A model; since when there has been one nobody here knows, yet clients want to read a time."""
    if protocol is Protocol.ANTHROPIC:
        return {"type": "model", "id": name, "display_name": name, "created_at": _UNKNOWN_TIME}
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}
