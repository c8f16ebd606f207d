"""A comparison as a file: everything in it, nothing of it alive, nothing told before a blind vote."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from conductor_core.answers import Answer, Exchange, Failure, Merge, Transcript
from conductor_core.kinds import CostKind, FinishReason, LaneState, MergeKind
from conductor_core.store.records import Conversation
from conductor_core.turns import LaneSetup
from dashboard.comparison_files import as_markdown
from dashboard.conversation_page import page
from tests.dashboard.app_pages.pages import Install

EVIL = '<script>alert(1)</script><img src="http://evil.example/x" onerror="x">&amp;"\'</div>'


def answer(lane: int, text: str, **changes: object) -> Answer:
    setup = LaneSetup(provider="openai", temperature=0.2, seed=7, system="Be <b>brief</b>.")
    done = Answer(
        f"a{lane}",
        lane,
        "openai",
        "gpt-4.1-mini",
        LaneState.DONE,
        text,
        ttft_ms=420.0,
        latency_ms=1900.0,
        tokens_per_second=84.0,
        prompt_tokens=31,
        completion_tokens=118,
        cost_usd=0.0004,
        cost_kind=CostKind.REPORTED,
        finish_reason=FinishReason.STOP,
        setup=setup.model_dump(),
    )
    return replace(done, **changes)  # type: ignore[arg-type] # some fields per case


def transcript(*exchanges: Exchange, title: str = "Title") -> Transcript:
    settings = {"lanes": [LaneSetup().model_dump()] * 2, "arranged": [1, 0]}
    return Transcript(Conversation("c", "compare", title, settings, 1_782_907_200_000, 0), exchanges)


@pytest.fixture
def told(install: Install) -> Transcript:
    """Two answers, one of them failed, and a merge."""
    install()
    failed = answer(1, "", provider="anthropic", model="c|d", failure=Failure("Anthropic refused the key."))
    failed = replace(failed, state=LaneState.FAILED, completion_tokens=None, cost_kind=CostKind.UNKNOWN)
    merge = answer(1000, "Both said so.", merge=Merge(MergeKind.FUSE, "Below are\nanswers."))
    return transcript(Exchange(0, f"Why?{EVIL}", "p", 0, (answer(0, EVIL), failed), merges=(merge,)), title=EVIL)


class Tags(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def as_html(transcript: Transcript) -> str:
    return "".join(page([transcript], transcript.conversation.title, lambda _: None))


def test_a_page_holds_everything_and_nothing_alive(told: Transcript) -> None:
    """All that Markdown has, with the texts drawn; no script, image, link or address; a policy that forbids them."""
    page = Tags(as_html(told))
    assert {"script", "img", "a", "iframe", "link", "object", "form", "b"}.isdisjoint(page.tags)
    assert {"src", "href", "onerror", "style"}.isdisjoint(name for name, _ in page.attributes)
    words = " ".join(page.text.split())
    assert words.count("<script>alert(1)</script><img src=") == 4  # title, heading, prompt, answer
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    for said in (
        "2 · Anthropic c|d",
        "Anthropic refused the key.",
        "1 · OpenAI gpt-4.1-mini",
        "0.42 s first · 84 tok/s · 31 → 118 · $0.0004 · 1.9 s",
        "Temperature 0.2 · max tokens 1,000 · seed 7",
        "System prompt: Be <b>brief</b>.",
        "Fused · OpenAI gpt-4.1-mini",
        "The prompt used Below are answers.",
        "$0.0004 reported",
    ):
        assert said in words
    assert words.index("2 · Anthropic") < words.index("1 · OpenAI")


def test_markdown_keeps_texts_as_they_were_written(told: Transcript) -> None:
    """With figures and settings as quotes and a table; a bar in a name breaks no table."""
    written = as_markdown(told)
    assert written.startswith(f"# {EVIL}\n\n2026-07-01 12:00 UTC\n\n## Prompt\n\nWhy?{EVIL}\n")
    assert f"### 1 · OpenAI · gpt-4.1-mini\n\n{EVIL}\n\n> 0.42 s first · 84 tok/s" in written
    assert "> System prompt: Be <b>brief</b>." in written
    assert "> The prompt used:\n> Below are\n> answers." in written
    assert "| 2 | c\\|d | failed |" in written
    assert len({line.count(" | ") for line in written.splitlines() if line.startswith("| ")}) == 1


def test_nothing_is_told_before_a_blind_vote(install: Install) -> None:
    """No name, time, cost or setting; a failure in nobody's words."""
    install()
    failed = answer(1, "", provider="anthropic", model="claude", failure=Failure("Anthropic refused the key."))
    hidden = transcript(Exchange(0, "Why?", "p", 0, (answer(0, "So."), failed), order=(1, 0)))
    for written, failure in ((as_markdown(hidden), "(this answer failed)"), (as_html(hidden), "This answer failed.")):
        for word in ("openai", "anthropic", "gpt", "claude", "tok/s", "0.42 s", "temperature", "brief"):
            assert word not in written.lower()
        assert failure in written
        assert "So." in written
