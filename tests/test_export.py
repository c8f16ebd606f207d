"""A conversation as a file."""

from __future__ import annotations

from conductor_core.answers import Answer, Exchange, Failure, Transcript
from conductor_core.export import as_markdown
from conductor_core.kinds import LaneState
from conductor_core.store.records import Conversation


def answer(lane: int, text: str, provider: str = "openai", model: str = "m", failure: Failure | None = None) -> Answer:
    return Answer(f"a{lane}", lane, provider, model, LaneState.DONE, text, failure=failure)


def test_everything_said_is_in_it_as_it_was_written() -> None:
    """Title, time, each prompt, each answer with who gave it; Markdown and HTML of the answers untouched."""
    exchanges = (
        Exchange(0, "First **one**", "p0", 0, (answer(0, "# Not <b>ours</b>"), answer(1, "Two", "anthropic", "c"))),
        Exchange(
            1, "Second", "p1", 0, (answer(0, "", failure=Failure("OpenAI refused the key.")), answer(1, "", "x", ""))
        ),
    )
    conversation = Conversation("c", "compare", "A title", {}, 1_782_907_200_000, 0)
    assert (
        as_markdown(Transcript(conversation, exchanges))
        == """# A title

2026-07-01 12:00 UTC

## You

First **one**

## openai · m

# Not <b>ours</b>

## anthropic · c

Two

## You

Second

## openai · m

(OpenAI refused the key.)

## x

(empty answer)
"""
    )


def test_a_path_of_several_says_so() -> None:
    """The shown one is exported; how many others there are is told at its head. Of a comparison there is one."""
    exchanges = (Exchange(0, "Hello", "p", 0, (answer(0, "Hi"),)),)

    def head(kind: str, branches: int) -> list[str]:
        transcript = Transcript(Conversation("c", kind, "A title", {}, 0, 0), exchanges, branches=branches)
        return as_markdown(transcript).split("## You")[0].splitlines()[4:]

    assert head("chat", 1) == head("compare", 3) == []
    assert head("chat", 2) == ["(1 other branch of this conversation not included)", ""]
    assert head("chat", 3) == ["(2 other branches of this conversation not included)", ""]
