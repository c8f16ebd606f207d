"""What Conductor says when a limit of its own keeps a call back: no provider is to blame, and soon it may go out."""

from __future__ import annotations

import math

from conductor_core.errors import InvalidRequest, ProviderError
from conductor_core.kinds import Fault, Need, Outcome
from conductor_core.providers import BaseProvider
from conductor_core.routing.breaker import Circuit
from conductor_core.routing.policy import HOUR

SOON = "Try again in a moment."


def crowded(provider: BaseProvider, seconds: float) -> ProviderError:
    """There was no place at the provider in time, or its queue is full; try again after `seconds`."""
    return _refusal(provider, f"Too many calls are waiting for {provider.vendor.label}.", seconds)


def not_asked(provider: BaseProvider, circuit: Circuit, now: float) -> ProviderError:
    """Its breaker is open, nobody else may be asked, and the throttle turned this call away."""
    label = provider.vendor.label
    why = circuit.sentence(now) or f"{label} is asked less often just now."
    left = circuit.seconds_left(now)
    then = "Correct that in Settings, or recover it on Health." if math.isinf(left) else SOON
    return _refusal(provider, f"{label} was not asked. {why}", max(1.0, min(left, HOUR)), then)


def lacking(provider: BaseProvider, need: Need) -> InvalidRequest:
    """None of the provider's models takes what the prompt holds."""
    return InvalidRequest(
        f"{provider.vendor.label} takes no {need.words}. Choose another provider, or send the message without them.",
        need.parameter,
    )


def _refusal(provider: BaseProvider, sentence: str, wait: float, then: str = SOON) -> ProviderError:
    return ProviderError(
        f"{sentence} {then}",
        provider=provider.name,
        kind=Outcome.UNAVAILABLE,
        retry_after=wait,
        fault=Fault.NOT_SENT,
    )
