"""Words for outcomes and times."""

from __future__ import annotations

import pytest

from conductor_core.kinds import Outcome
from conductor_core.metrics.words import OUTCOME_WORDS, error_words, seconds_words


def test_every_outcome_has_words() -> None:
    """No member of the closed list is left to be shown raw, and no two outcomes read the same."""
    assert OUTCOME_WORDS.keys() == set(Outcome)
    assert len(set(OUTCOME_WORDS.values())) == len(Outcome)


def test_an_error_names_its_status_when_there_was_one() -> None:
    """A time-out has no HTTP status to name."""
    assert error_words(Outcome.RATE_LIMITED, 429) == "rate limited (429)"
    assert error_words(Outcome.TIMEOUT) == "timed out"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0.0, "0.00 s"),
        (2.0, "< 0.01 s"),
        (420.0, "0.42 s"),
        (996.0, "1.0 s"),
        (1_900.0, "1.9 s"),
        (9_960.0, "10 s"),
        (59_400.0, "59 s"),
        (59_600.0, "1 min"),
        (90_000.0, "1.5 min"),
        (3_540_000.0, "59 min"),
        (3_580_000.0, "1 h"),
    ],
)
def test_times_are_short_and_round_into_the_next_unit(milliseconds: float, words: str) -> None:
    """No `1.00 s`, no `60 s`, no `60 min`."""
    assert seconds_words(milliseconds) == words
