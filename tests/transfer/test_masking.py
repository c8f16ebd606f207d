"""Every text in a value of any shape is masked, and everything else is what it was."""

from __future__ import annotations

from conductor_core.answers import Answer, Exchange, Failure, Merge
from conductor_core.kinds import LaneState, MergeKind
from conductor_core.transfer.masking import masked


def test_every_text_is_masked() -> None:
    """In dataclasses, tuples, lists and dictionaries; names of fields, numbers and kinds stay."""
    answer = Answer(
        "a",
        0,
        "openai",
        "key-m",
        LaneState.DONE,
        "a key",
        latency_ms=1.5,
        failure=Failure("no key"),
        notices=("the key",),
        setup={"system": "key", "stops": ["key", 1]},
        merge=Merge(MergeKind.FUSE, "key"),
    )
    exchange = Exchange(3, "my key", "p", 0, (answer,))
    told = masked(exchange, lambda text: text.replace("key", "[key]"))
    assert repr(told) == repr(exchange).replace("key", "[key]")
    assert told.answers[0].state is LaneState.DONE
