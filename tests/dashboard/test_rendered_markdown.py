"""Markdown as HTML for a page of its own: drawn as CommonMark says, and nothing in it fetches, runs or deceives."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard.rendered_markdown import rendered
from tests.clock import processor_seconds
from tests.dashboard.components.test_safe_markdown import PIECES

ELEMENTS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
}
ATTRIBUTES = {"href", "title", "rel", "target", "class", "start"}


class Seen(HTMLParser):
    """Elements, attributes, addresses and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name == "href"]
        assert tag != "a" or ("rel", "noopener noreferrer") in attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_markdown_has_is_drawn() -> None:
    """Headings below those of the page, emphasis, lists, quotes, code, a table with its cells aligned by class."""
    html = rendered(
        "# Head\n**b** *i* ~~s~~ `c<d`\n\n- one\n  1. two\n\n> said\n\n```python\nif a < b:\n    pass\n```\n\n"
        "| a | b |\n|:-:|--:|\n| 1 | 2 |"
    )
    for part in (
        "<h3>Head</h3>",
        "<strong>b</strong> <em>i</em> <s>s</s> <code>c&lt;d</code>",
        "<li>one\n<ol>\n<li>two</li>",
        "<blockquote>\n<p>said</p>",
        '<pre><code class="language-python">if a &lt; b:\n    pass\n</code></pre>',
        '<th class="center">a</th>\n<th class="right">b</th>',
        '<td class="center">1</td>',
    ):
        assert part in html


def test_formulas_stay_their_source() -> None:
    """Letter by letter, whatever Markdown would make of what is in them; prices are no formulas."""
    html = rendered(
        "so $a_1 * b_2 * c_3$ and $$x \\\\ y*z*$$\n\n$$\n\\begin{matrix}\na \\\\\n*b*\n\\end{matrix}\n$$\n\n$5 and $6"
    )
    assert '<span class="formula">$a_1 * b_2 * c_3$</span>' in html
    assert '<span class="formula">$$x \\\\ y*z*$$</span>' in html
    assert '<pre class="formula">$$\n\\begin{matrix}\na \\\\\n*b*\n\\end{matrix}\n$$</pre>' in html
    assert "<p>$5 and $6</p>" in html


def test_links_lead_where_they_say() -> None:
    """With their host beside them; only http, https and mailto; an image is named, not fetched."""
    html = rendered(
        "[bank](https://evil.example/x) [m](mailto:a@b.c) [j](javascript:alert(1)) ![p](http://e.example/a.png)"
    )
    seen = Seen(html)
    assert seen.links == ["https://evil.example/x", "mailto:a@b.c"]
    assert "bank (evil.example)" in seen.text
    assert "[image “p” from e.example]" in seen.text
    assert "img" not in seen.elements


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example("[x]: javascript:alert(1)\n[x]")
@example("<javascript:alert(1)>")
@example("[a](data:text/html,x) [b](//evil) [c](&#106;avascript:x)")
@example("$`$ <b> `$")
def test_nothing_else_is_ever_in_it(text: str) -> None:
    """However the pieces of Markdown fall: these elements, these attributes, these addresses."""
    seen = Seen(rendered(text))
    assert set(seen.elements) <= ELEMENTS
    assert seen.attributes <= ATTRIBUTES
    assert all(link.lower().startswith(("http://", "https://", "mailto:")) for link in seen.links)


def test_no_word_is_lost_in_the_depth() -> None:
    """A list three hundred levels deep, and one of many markers on a line."""
    deep = "\n".join(f"{'  ' * level}- w{level}." for level in range(300))
    text = Seen(rendered(deep)).text
    assert all(f"w{level}." in text for level in range(300))
    assert "the end" in Seen(rendered("> - 1. " * 4_000 + "the end")).text
    lines = "\n".join(f"{' ' * min(60, 5 * level)}> - > - > - > - > - > - w{level}." for level in range(40))
    text = Seen(rendered(lines)).text
    assert all(f"w{level}." in text for level in range(40))


def test_what_is_too_long_is_there_as_it_was_written() -> None:
    """Below what is drawn of it: nothing of an answer is lost in an export."""
    text = "<b> " + "word " * 100_000 + "the *end*"
    html = rendered(text)
    assert "too long to be drawn as a whole" in html
    assert html.endswith("the *end*</pre>\n</details>\n")
    assert "too long" not in rendered("short")


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 50_000, ("[" * 50 + "\n") * 1_000, ("[`](`" * 40 + "\n") * 250, ("[" * 50 + "]" * 50) * 500,
        "](" * 25_000, "[x](http://a.b) " * 3_000, "`a`` " * 8_000, "**a" * 15_000, "_a" * 25_000, "~~" * 25_000,
        "$x$ " * 12_000, "&amp;" * 10_000, "- a\n" * 12_000, "> " * 10_000 + "x", "\\" * 50_000, "|" * 50_000,
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_time_grows_no_faster_than_the_text(hostile: str) -> None:
    """Four times a hostile text takes about four times as long, in time of the processor."""
    part = min(processor_seconds(lambda: rendered(hostile[: len(hostile) // 4])) for _ in range(2))
    whole = min(processor_seconds(lambda: rendered(hostile)) for _ in range(2))
    assert whole < 4 * part * 3 + 0.3
