"""What a model is asked with to merge answers."""

from __future__ import annotations

import pytest

from conductor_core.answers import Answer, Exchange
from conductor_core.errors import ConversationBusy, InvalidRequest
from conductor_core.kinds import LaneState, MergeKind
from conductor_core.merges import merge_prompt


def answer(lane: int, text: str, state: LaneState = LaneState.DONE, provider: str = "openai") -> Answer:
    return Answer(f"a{lane}", lane, provider, "gpt-4.1-mini", state, text)


def exchange(*answers: Answer, order: tuple[int, ...] = ()) -> Exchange:
    return Exchange(0, "Why is the sky blue?", "p", 0, answers, order)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (MergeKind.FUSE, "Write the one answer that the question deserves"),
        (MergeKind.CHECKLIST, "First list, under the heading “What a good answer needs”"),
        (MergeKind.CRITERIA, "in one Markdown table: a row per criterion, a column per answer"),
    ],
)
def test_each_kind_asks_for_its_own(kind: MergeKind, words: str) -> None:
    """With the question, every answer and what was asked before; nobody is named."""
    asked = exchange(answer(0, "Rayleigh."), answer(1, "", LaneState.FAILED), answer(2, " Scattering. "))
    text = merge_prompt(kind, asked, ["What is light?"])
    assert words in text
    assert "[asked before]\nWhat is light?\n[end of asked before]" in text
    assert "[question]\nWhy is the sky blue?\n[end of question]" in text
    assert "[answer 1]\nRayleigh.\n[end of answer 1]\n\n[answer 2]\nScattering.\n[end of answer 2]" in text
    assert "openai" not in text
    assert "gpt" not in text


def test_what_cannot_be_merged_is_said() -> None:
    """One answer is too few, a running one is waited for, and a blind vote comes first."""
    with pytest.raises(InvalidRequest, match=r"A merge takes 2 answers at least; there are 1\."):
        merge_prompt(MergeKind.FUSE, exchange(answer(0, "One"), answer(1, "")))
    with pytest.raises(ConversationBusy):
        merge_prompt(MergeKind.FUSE, exchange(answer(0, "One"), answer(1, "Two", LaneState.STREAMING)))
    with pytest.raises(InvalidRequest, match="Vote first"):
        merge_prompt(MergeKind.FUSE, exchange(answer(0, "One"), answer(1, "Two"), order=(1, 0)))
