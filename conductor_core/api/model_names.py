"""What `model` names in a request: AUTO, AUTO with a strategy, a provider's model, or a model only one provider has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from conductor_core.api.errors import HttpError, Problem
from conductor_core.conductor import Conductor
from conductor_core.models import MODEL_PATTERN, Provider
from conductor_core.routing.strategies import STRATEGIES

_NAME = re.compile(MODEL_PATTERN)
_NEAR = 3
_MOST_LISTED = 10
_WAIT_SECONDS = 5.0


class Aim(NamedTuple):
    """Whom a request goes to: a provider or AUTO, and of it a model, or of AUTO a strategy."""

    provider: str
    model: str | None = None
    strategy: str | None = None


async def aim_of(name: str, conductor: Conductor) -> Aim:
    """What a name means.

    Args:
        name: well formed, as `ModelName`.

    Raises:
        HttpError: 404, nobody has it or several have; with the names that may have been meant.
    """
    if name == Provider.AUTO:
        return Aim(Provider.AUTO)
    found = _directed(name, conductor)
    if found:
        return found
    offered = _offering(name, conductor)
    if not offered:  # some providers may not have been asked yet what they have
        await conductor.catalog.complete(_WAIT_SECONDS)
        offered = _offering(name, conductor)
    if len(offered) == 1:
        return Aim(offered[0], name)
    if offered:
        which = ", ".join(f"{provider}/{name}" for provider in offered[:_MOST_LISTED])
        raise _not_found(f"Several providers have the model {name}. Say which: {which}.")
    raise unknown(name, conductor)


def unknown(name: str, conductor: Conductor) -> HttpError:
    """The 404 of a name that nobody has, with the names that may have been meant."""
    return _not_found(f"There is no model {name[:100]!r}. {_near(name, conductor)}")


def names(conductor: Conductor) -> Iterator[tuple[str, str]]:
    """Every name that can be asked for as far as known, and whose it is."""
    yield Provider.AUTO, "conductor"
    for strategy in STRATEGIES:
        yield f"{Provider.AUTO}:{strategy}", "conductor"
    for provider, models in conductor.models().items():
        for model in models:
            yield f"{provider}/{model}", provider


def _directed(name: str, conductor: Conductor) -> Aim | None:
    """A name that says whose model it is."""
    auto, colon, strategy = name.partition(":")
    if auto == Provider.AUTO and colon:
        return Aim(Provider.AUTO, strategy=strategy) if strategy in STRATEGIES else None
    provider, slash, model = name.partition("/")
    if not slash or not conductor.providers.has(provider):
        return None
    return Aim(provider, model) if _NAME.fullmatch(model) else None


def _offering(model: str, conductor: Conductor) -> list[str]:
    return [provider for provider, models in conductor.models().items() if model in models]


def _near(name: str, conductor: Conductor) -> str:
    known = [known for known, _ in names(conductor)]
    bare = {one.partition("/")[2]: one for one in known if "/" in one}
    near = get_close_matches(name[:100], [*known, *bare], _NEAR)
    meant = dict.fromkeys(bare.get(one, one) for one in near)
    if meant:
        return f"Did you mean {' or '.join(meant)}?"
    return "GET /v1/models lists what there is; auto lets Conductor choose."


def _not_found(sentence: str) -> HttpError:
    return HttpError(Problem(404, "model_not_found", sentence, param="model"))
