from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dashboard.components.safe_markdown import LONGEST_CODE, LONGEST_TEXT, MOST_ROWS, safe_markdown
from tests.clock import processor_seconds

IMAGE = "![alt](http://e.example/a.png?d=secret)"

PIECES = (
    IMAGE, "![x][r]", "[r]: http://e.x/b", "[a](http://u.v)", "`", "``", "```", "~~~", "\n", "\n\n", "\n    ", "\n  ",
    "\n- ", "\n1. ", "\n> ", "> ", "- ", "    ", "\t", " ", "|", "\n|---|---|\n", "$", "$$", "\n$$\n", "\\", "!", "[",
    "]", "(", ")", "<", "<b>", "</b>", "<!--", "-->", "http://a.b/", "www.a.b", "text", "\n```\n", "\n```py\n",
    "\n  ```\n", "# ", "\n===\n", "\n---\n", "*", "_", "\n1986. ", "\r\n", "\r", "[^1]: ", "<http://q.q>", "<a href='",
    "'>", "](", "](http://e.x/z)", '"', "\x0b", "\u00a0", "\u2028", "&#33;", "\n     - ", "\n      ```\n", ":red[",
)  # fmt: skip


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _kinds(text: str) -> set[str]:
    """What a CommonMark parser and one for GitHub's dialect find in a text."""
    parsers = MarkdownIt("commonmark"), MarkdownIt("gfm-like", {"linkify": False, "html": True})
    return {token.type for parser in parsers for token in _all(parser.parse(text))}


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example("a ` b\nc ` " + IMAGE + " `d`")
@example("- ```\n" + IMAGE + "\n")
@example("| `a | b` `" + IMAGE + "` |\n|---|---|")
@example("http://a.b/` " + IMAGE + " `")
@example("$ ` $ " + IMAGE + " `")
@example("<!--\n```\n-->\n" + IMAGE + "\n```")
@example("para\n     ```\n" + IMAGE)
def test_no_image_and_no_html_is_left(text: str) -> None:
    """However the pieces of markdown fall, two parsers find neither an image nor HTML in what comes out."""
    assert not _kinds(safe_markdown(text).text) & {"image", "html_inline", "html_block"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_making_safe_what_is_safe_finds_nothing_new(text: str) -> None:
    """A second pass leaves no image either: what the first wrote does not turn into one."""
    once = safe_markdown(text).text
    assert not _kinds(safe_markdown(once).text) & {"image", "html_inline", "html_block"}


@pytest.mark.parametrize(
    "text",
    [
        IMAGE,
        f"see {IMAGE} here",
        f"[{IMAGE}](https://ok.example)",
        f"| a |\n|---|\n| {IMAGE} |",
        f"> - {IMAGE}",
        "![alt][ref]\n\n[ref]: http://e.example/a.png",
        "![ref]\n\n[ref]: <http://e.example/a.png>",
    ],
)
def test_an_image_is_named_with_its_host(text: str) -> None:
    """Inline, in a link, a table or a list, by reference: the reader sees where it would have come from."""
    assert "from e.example" in safe_markdown(text).text


def test_an_image_of_data_is_not_shown() -> None:
    """An SVG in the address itself may hold script."""
    assert safe_markdown("![x](data:image/svg+xml;base64,AAAA)").text == r"\[image “x” not shown\]"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_link_shows_its_host(scheme: str) -> None:
    """The words of a link can say anything; the host after it is where it leads."""
    assert safe_markdown(f"[your bank]({scheme}://evil.example/x)").text == (
        f"[your bank]({scheme}://evil.example/x) (evil.example)"
    )


def test_a_link_that_is_its_own_address_is_not_said_twice() -> None:
    """`[https://a.example/b](https://a.example/b)` stays as it is."""
    link = "[https://a.example/b](https://a.example/b)"
    assert safe_markdown(link).text == link


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:x", "data:text/html,x", "vbscript:x", "//evil",
        "/relative", "#anchor", "&#106;avascript:x", "ftp://x.example", "file:///etc/passwd", "http:evil", "http://",
    ],
)  # fmt: skip
def test_other_links_are_text(url: str) -> None:
    """Only http, https and mailto can be clicked."""
    assert "link_open" not in _kinds(safe_markdown(f"[x]({url})").text)


CODE = "![x](http://e.example/y) <b> :red[x] $5 $$ [a](javascript:x) | \\ `q` > - &amp;"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{CODE}\n\n  {CODE}\n```",
        f"~~~\n{CODE}\n~~~",
        f"- item\n\n  ```\n  {CODE}\n  ```",
        f"1. item\n\n   ```js\n   {CODE}\n   ```\n\n   after",
        f"> ```\n> {CODE}\n> ```",
        f"````\n```\n{CODE}\n```\n````",
        f"words\n\n    {CODE}\n",
        "words and `![x](http://e.example/y) <b> :red[x] $5` in code, ``a ` b``",
    ],
)
def test_code_stays_as_written(text: str) -> None:
    """Fenced, indented, in a list, in a quote, inline: letter by letter."""
    assert safe_markdown(text).text == text


@pytest.mark.parametrize(
    "text", ["Prose.", "a < b and b > c", "x[0] and [1]", "**bold** _it_", "- [ ] to do\n- [x] done"]
)
def test_ordinary_text_is_not_touched(text: str) -> None:
    """Brackets, comparisons and task lists that mean nothing dangerous stay."""
    assert safe_markdown(text).text == text


def test_prices_are_not_formulas_and_formulas_stay() -> None:
    """Two prices in a sentence would otherwise be set as one formula."""
    assert safe_markdown("from $5 to $10").text == r"from \$5 to \$10"
    assert safe_markdown("so $x^2 < y$ holds").text == "so $x^2 < y$ holds"
    block = "$$\n\\begin{matrix}\na \\\\\nb\n\\end{matrix}\n$$"
    assert safe_markdown(block).text == block


@pytest.mark.parametrize("body", [r"\def\a{\a\a}\a", r"\href{x}{y}", "x" * 100_000, r"\includegraphics{http://e.x}"])
def test_a_bomb_in_tex_is_text(body: str) -> None:
    """Definitions can double themselves, and a hundred kilobytes freeze the browser."""
    assert "\\$" in safe_markdown(f"${body}$").text
    assert "\\$" in safe_markdown(f"$$\n{body}\n$$").text


def test_streamlits_own_words_do_nothing() -> None:
    """Colours, icons and logos are ours to draw: an answer must not look like the dashboard."""
    text = safe_markdown(":red[x] :material/lock: :streamlit: :small[y]\n:::box").text
    assert "\\:red[" in text
    assert ":material" not in text
    assert ":streamlit" not in text
    assert "\\:\\:\\:" in text


def test_hidden_changes_of_direction_are_shown() -> None:
    """Code that reads otherwise than it runs (CVE-2021-42574), and tags that show nothing; flags stay."""
    assert safe_markdown("if x\u202e: `y\u2066`").text == "if x⟨U+202E⟩: `y⟨U+2066⟩`"
    assert "\U000e0041" not in safe_markdown("a\U000e0041\U000e0042b").text
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert safe_markdown(flag).text == flag


def test_what_is_too_long_is_cut_and_says_so() -> None:
    """A text, a block of code, a table: the first part, and `is_whole` tells the caller to offer the rest."""
    words = safe_markdown("word " * 100_000)
    assert (len(words.text), words.is_whole) == (LONGEST_TEXT, False)
    code = safe_markdown("```\n" + "line of code\n" * 10_000 + "```\nafter")
    assert len(code.text) < LONGEST_CODE + 200
    assert code.text.endswith("```\nafter")
    assert not code.is_whole
    table = safe_markdown("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 10_000)
    assert table.text.count("| 1 | 2 |") == MOST_ROWS - 2
    assert not table.is_whole
    assert safe_markdown("short `x`").is_whole


def test_ten_thousand_levels_are_a_dozen() -> None:
    """Browsers freeze on quotes and lists nested without end."""
    assert safe_markdown("> " * 10_000 + "x").text.count(">") == 12
    assert safe_markdown("- " * 10_000 + "x").text.count("-") == 12
    deep = safe_markdown("\n".join("  " * level + "- a" for level in range(300))).text
    assert max(len(line) for line in deep.splitlines()) < 70


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 200_000, "![" * 100_000, "`" * 200_000, "` `` ``` " * 22_000, "$" * 200_000, "<a" * 100_000,
        "[a](http://x.y/" * 13_000, "](" * 100_000, "```\n" * 50_000, "$$\n" * 60_000, "> ```\n" * 30_000,
        "|" * 200_000, ":a" * 100_000, "https://x" * 22_000, "[a]:" * 50_000, "\\" * 200_000, "![a](" * 40_000,
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_time_grows_no_faster_than_the_text(hostile: str) -> None:
    """Twice a hostile text takes about twice as long: a ratio of two runs, with room for a busy machine."""
    half = min(processor_seconds(lambda: safe_markdown(hostile[: len(hostile) // 4])) for _ in range(3))
    whole = min(processor_seconds(lambda: safe_markdown(hostile)) for _ in range(3))
    assert whole < 4 * half * 3 + 0.05


def test_a_diagram_stays_its_source() -> None:
    """Streamlit would draw it; other languages keep their names."""
    assert safe_markdown("```mermaid\ngraph TD;\n```").text.splitlines()[0] == "```"
    assert safe_markdown("~~~ Mermaid\ngraph TD;\n~~~").text.splitlines()[0].strip("~") == ""
    assert safe_markdown("```python\nprint()\n```").text.splitlines()[0] == "```python"
