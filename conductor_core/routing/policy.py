"""What happens after a fault: one table, from the kind of the fault to what is tried next.

Kinds that need telling apart (a host not found is not a bad certificate) have their rows by `Fault` or by HTTP status.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from conductor_core.errors import ProviderError
from conductor_core.kinds import Fault, Outcome

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What one kind of fault leads to.

    Attributes:
        words: the fault in a sentence that begins with the provider's name.
        retries: how often the same provider is asked again at most.
        fallback: whether AUTO may ask another one.
        larger: another one only when it is known to take longer prompts.
        cool: seconds for which the provider is passed over afterwards, if it did not say how long itself.
        model_only: the model is passed over, the provider's others are not.
        least_wait: seconds a retry waits at least.
    """

    words: str
    retries: int = 0
    fallback: bool = True
    larger: bool = False
    cool: float = 0.0
    model_only: bool = False
    least_wait: float = 0.0


BY_KIND: Mapping[Outcome, Policy] = MappingProxyType(
    {
        Outcome.BAD_REQUEST: Policy("refused the request", fallback=False),
        Outcome.AUTH: Policy("refused the key", cool=math.inf),
        Outcome.FORBIDDEN: Policy("does not allow this", cool=600.0, model_only=True),
        Outcome.NOT_FOUND: Policy("does not have the model", cool=600.0, model_only=True),
        Outcome.TOO_LARGE: Policy("can't take a conversation this long", larger=True),
        Outcome.RATE_LIMITED: Policy("is rate-limited", retries=1),
        Outcome.QUOTA: Policy("has no credit left", cool=HOUR),
        Outcome.TIMEOUT: Policy("took too long"),
        Outcome.SERVER_ERROR: Policy("had an internal error", retries=2),
        Outcome.UNAVAILABLE: Policy("is not available", retries=2),
        Outcome.OVERLOADED: Policy("is overloaded for everyone", retries=1),
        Outcome.CONNECTION: Policy("is not reachable", retries=1),
        Outcome.STREAM_CUT: Policy("broke off before its first word", retries=1),
        Outcome.BAD_RESPONSE: Policy("sent an unreadable answer", retries=1),
        Outcome.EMPTY: Policy("gave an empty answer", retries=1, fallback=False),
        Outcome.BLOCKED: Policy("blocked this", fallback=False),  # a filter is never dodged
        Outcome.BUDGET: Policy("is over its budget", fallback=False),
    }
)

BY_FAULT: Mapping[Fault, Policy] = MappingProxyType(
    {
        Fault.TLS: Policy("has no valid certificate"),
        Fault.ADDRESS: Policy("may not be reached at its address"),
        Fault.DNS: Policy("was not found", retries=1),
        Fault.NOBODY_LISTENS: Policy("is not reachable", retries=1, least_wait=0.2),
        Fault.NO_CONNECTION: Policy("is not reachable", retries=1),
        Fault.NO_FIRST_BYTE: Policy("sent nothing in time"),  # it may be at work and will bill it
        Fault.DEADLINE: Policy("did not finish in time"),
        Fault.REDIRECT: Policy("redirects elsewhere"),
        Fault.NOT_SENT: Policy("has too many calls waiting"),
    }
)

BY_STATUS: Mapping[int, Policy] = MappingProxyType(
    {
        408: Policy("took too long", retries=2),
        409: Policy("is busy with a conflicting request", retries=1),
        504: Policy("took too long", retries=1),  # the work may have been done and billed
    }
)


def policy_for(error: ProviderError) -> Policy:
    """The row for a fault: the most telling one there is."""
    if error.fault is not None and error.fault in BY_FAULT:
        return BY_FAULT[error.fault]
    if error.status is not None and error.status in BY_STATUS:
        return BY_STATUS[error.status]
    return BY_KIND[error.kind]


def cause(label: str, error: ProviderError) -> str:
    """The fault as a clause: `OpenAI is rate-limited for 12 s`."""
    wait = error.retry_after
    asked = f" for {math.ceil(wait)} s" if wait and error.kind is Outcome.RATE_LIMITED else ""
    return f"{label} {policy_for(error).words}{asked}"
