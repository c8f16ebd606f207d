"""The table: every kind has its row, and the most telling row wins."""

from __future__ import annotations

import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import FAILURES, Fault, Outcome
from conductor_core.routing.policy import BY_FAULT, BY_KIND, BY_STATUS, cause, policy_for


def fault(
    kind: Outcome, status: int | None = None, found: Fault | None = None, wait: float | None = None
) -> ProviderError:
    return ProviderError("", provider="openai", kind=kind, status=status, fault=found, retry_after=wait)


def test_every_failure_and_every_fault_has_a_row() -> None:
    """A kind without one would end a request with a KeyError."""
    assert set(BY_KIND) >= FAILURES | {Outcome.BLOCKED, Outcome.BAD_REQUEST, Outcome.TOO_LARGE, Outcome.NOT_FOUND}
    assert set(BY_FAULT) == set(Fault)


@pytest.mark.parametrize("kind", [Outcome.BLOCKED, Outcome.BAD_REQUEST, Outcome.EMPTY])
def test_who_is_never_left_for_another(kind: Outcome) -> None:
    """A filter is not dodged, a mistake not repeated elsewhere, an empty answer is one."""
    assert not policy_for(fault(kind)).fallback


def test_the_fault_says_more_than_the_status_and_the_status_more_than_the_kind() -> None:
    """A host not found is retried, a bad certificate is not; 504 once, 408 twice."""
    assert policy_for(fault(Outcome.CONNECTION, found=Fault.DNS)).retries == 1
    assert policy_for(fault(Outcome.CONNECTION, found=Fault.TLS)).retries == 0
    assert policy_for(fault(Outcome.TIMEOUT, 504)) is BY_STATUS[504]
    assert policy_for(fault(Outcome.TIMEOUT, 408)).retries == 2
    assert policy_for(fault(Outcome.TIMEOUT)).retries == 0


def test_the_cause_is_a_clause_with_the_wait_when_it_is_known() -> None:
    """Seconds are rounded up."""
    assert cause("OpenAI", fault(Outcome.RATE_LIMITED, wait=11.2)) == "OpenAI is rate-limited for 12 s"
    assert cause("OpenAI", fault(Outcome.RATE_LIMITED)) == "OpenAI is rate-limited"
