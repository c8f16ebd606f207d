"""Links that are whole on one line are links; nothing else is looked at twice."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from dashboard.bounded_links import BoundedLinks


@pytest.fixture
def parser() -> MarkdownIt:
    made = MarkdownIt("commonmark")
    made.inline.ruler.at("link", BoundedLinks())
    return made


@pytest.mark.parametrize(
    "text",
    [
        "[a](http://b.c)",
        "x [a *b* `c`](<http://b.c/d e> 'title') y",
        "[a [b] c](http://d.e) and [f](http://g.h)\n[i](http://j.k)",
        r"[a \] b](http://c.d) and `]` and ``[a](b`c)``",
        "a[0] [b] ![c](http://d.e)",
        "[`]`](http://a.b)",
        "[]()",
    ],
)
def test_links_are_those_of_the_parser(parser: MarkdownIt, text: str) -> None:
    assert parser.render(text) == MarkdownIt("commonmark").render(text)


@pytest.mark.parametrize("text", ["[a\nb](http://c.d)", "[a][r]\n\n[r]: http://b.c", "[a](http://b.c\n'title')"])
def test_what_is_on_several_lines_is_text(parser: MarkdownIt, text: str) -> None:
    assert "<a" not in parser.render(text)


def test_two_texts_in_turn_do_not_mix(parser: MarkdownIt) -> None:
    """The parser is shared: what was found in one text says nothing of another."""
    for _ in range(2):
        assert "<a" in parser.render("[a](http://b.c)")
        assert "<a" not in parser.render("[a] (http://b.c)")
