"""Stored messages and call rows, put together as exchanges."""

from __future__ import annotations

from dataclasses import replace

from conductor_core.answers import exchanges_of, stored_answer
from conductor_core.branches import Tree
from conductor_core.kinds import CostKind, FinishReason, LaneState, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.models import MessageRole
from conductor_core.store.records import StoredMessage


def message(turn: int, content: str, lane: int = 0, version: int = 0, **facts: object) -> StoredMessage:
    role = MessageRole.ASSISTANT if facts or lane or version or content.startswith("a") else MessageRole.USER
    parent = f"{turn}user00" if role is MessageRole.ASSISTANT else f"{turn - 1}assistant01" if turn else None
    name = f"{turn}{role}{lane}{version}"
    return StoredMessage(name, "c", turn, lane, version, role, content, "", LaneState.DONE, facts, 5, parent)


def call(lane_id: str, **changes: object) -> Call:
    row = Call("k", "r", 0, Source.CHAT, "c", lane_id, "openai", "asked", None, None, None, 0, outcome=Outcome.OK)
    return replace(row, **changes)  # type: ignore[arg-type] # fields by name


def test_of_several_versions_the_last_counts() -> None:
    """Per lane; lanes stand in their order whatever the order of their answers."""
    messages = [
        message(0, "Question"),
        message(0, "a first", lane=0),
        message(0, "a second", lane=0, version=1),
        message(0, "a other", lane=1),
        message(1, "Next"),
    ]
    first, second = exchanges_of(Tree(messages).path(), Tree(messages), [])
    assert (first.prompt, [answer.text for answer in first.answers]) == ("Question", ["a second", "a other"])
    assert second.prompt == "Next"


def test_a_prompt_without_any_answer_shows_one_that_was_interrupted() -> None:
    """So that the reader can ask again: a kill came between the commits of the two rows."""
    tree = Tree([message(0, "Question")])
    [exchange] = exchanges_of(tree.path(), tree, [])
    [answer] = exchange.answers
    assert (answer.state, answer.text, answer.running) == (LaneState.INTERRUPTED, "", False)


def test_an_answer_has_the_facts_of_its_call() -> None:
    """The served model rather than the one asked for, and every figure."""
    row = call(
        "x",
        model_served="served",
        ttft_ms=100.0,
        latency_ms=1100.0,
        prompt_tokens=3,
        completion_tokens=50,
        cost_usd=0.1,
        cost_kind=CostKind.REPORTED,
        finish_reason=FinishReason.STOP,
    )
    answer = stored_answer(message(0, "a text", setup={"temperature": 1.0}), row)
    assert (answer.provider, answer.model, answer.request_id) == ("openai", "served", "r")
    assert (answer.ttft_ms, answer.latency_ms, answer.tokens_per_second) == (100.0, 1100.0, 50.0)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cost_usd) == (3, 50, 0.1)
    assert (answer.cost_kind, answer.finish_reason) == (CostKind.REPORTED, FinishReason.STOP)
    assert answer.setup == {"temperature": 1.0}


def test_what_was_never_sent_has_its_reason_and_no_figures() -> None:
    """There is no row; who was meant and why it failed stand with the message."""
    failure = {"sentence": "No key.", "detail": "", "kind": None}
    answer = stored_answer(message(0, "", provider="gemini", model="g", failure=failure), None)
    assert (answer.provider, answer.model, answer.latency_ms, answer.request_id) == ("gemini", "g", None, "")
    assert answer.failure
    assert (answer.failure.sentence, answer.failure.kind) == ("No key.", None)


def test_a_failure_keeps_its_kind() -> None:
    """So that the page can offer what helps against it."""
    failure = {"sentence": "Too fast.", "detail": "synthetic", "kind": "rate_limited"}
    answer = stored_answer(message(0, "", failure=failure), call("x"))
    assert answer.failure
    assert answer.failure.kind is Outcome.RATE_LIMITED


def test_a_rate_needs_time_to_be_one() -> None:
    """An answer that came in one burst has none."""
    assert call("x", completion_tokens=50, latency_ms=1000.0).tokens_per_second == 50.0
    assert call("x", completion_tokens=50, latency_ms=120.0, ttft_ms=119.0).tokens_per_second is None
