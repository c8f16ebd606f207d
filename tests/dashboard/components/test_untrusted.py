from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from dashboard.components.untrusted import isolated, line, marked, plain, table_of


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://e.example/x)", "**not bold** _nor this_ `nor code`", "# no heading", "- no list", "+ no", "> no",
        "1. no list", "<b>no</b>", "[a](http://b.example)", "$x$ and $$y$$", "~~no~~", "a | b", "***", "---", "2) no",
        "back\\slash \\*", "&lt;", "mail a@b.example", "https://e.example", "www.e.example", "* no", "===",
    ],
)  # fmt: skip
def test_a_label_reads_as_it_was_written(text: str) -> None:
    """A parser for GitHub's markdown finds one paragraph of exactly these letters in it."""
    parser = MarkdownIt("gfm-like", {"linkify": False})
    tokens = parser.parse(plain(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == text


@pytest.mark.parametrize("name", ["gpt-4o-mini", "gemini-2.5-flash", "llama3:8b", "98.9 % (n 412)", "anthropic/claude"])
def test_a_models_name_needs_no_escape(name: str) -> None:
    """So it reads the same in widgets that take markdown and in those that don't."""
    assert plain(name) == name


def test_streamlits_icons_stay_letters() -> None:
    """Streamlit draws these after escapes are gone; a joiner nobody sees keeps them apart."""
    assert plain(":material/lock: :streamlit: :smile:").replace("\u2060", "") == ":material/lock: :streamlit: :smile:"
    assert ":material" not in plain(":material/lock:")
    assert ":smile:" not in plain(":smile:")
    assert plain(":red[x]") == r":red\[x\]"


def test_a_title_keeps_its_direction_to_itself() -> None:
    """Marks that reverse what follows are dropped; Arabic and Hebrew are isolated; the rest is as it was."""
    assert isolated("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert isolated("two\nlines\u200b \U000e0041") == "two lines"
    assert isolated("שלום") == "\u2068שלום\u2069"
    assert isolated("Grüße 日本") == "Grüße 日本"


def test_a_name_in_html_stays_a_name() -> None:
    """In an element, an attribute and a cell, and on one line; where there are no rows there is no table."""
    assert line('<b>"\n&') == "&lt;b&gt;&quot; &amp;"
    assert "<td>&lt;b&gt;</td>" in table_of([{"A": "<b>"}])
    assert table_of([]) == ""


def _table() -> None:
    from dashboard.components import untrusted

    rows = [{"Provider": "a | b\nc", "State": "<b>x</b>"}, {"Provider": "![x](http://e.example/x)", "State": ""}]
    untrusted.table(rows, 'Who "answers"')


def test_a_tables_cells_read_as_they_were_written() -> None:
    """One table of exactly these cells, whatever they hold, in a region that has a name and takes the focus."""
    drawn = AppTest.from_function(_table).run(timeout=10).html[0].value
    region = ElementTree.fromstring(drawn)
    assert region.attrib == {"class": "table", "role": "region", "tabindex": "0", "aria-label": 'Who "answers"'}
    assert [cell.text or "" for row in region.iter("tr") for cell in row] == [
        "Provider", "State", "a | b c", "<b>x</b>", "![x](http://e.example/x)", "",
    ]  # fmt: skip


def _page() -> None:
    from dashboard.components import untrusted

    untrusted.markdown("![x](http://e.example/x) **bold**")
    untrusted.text("![x](http://e.example/x)")
    untrusted.caption("![x](http://e.example/x)")
    untrusted.error("![x](http://e.example/x)")
    untrusted.raw("![x](http://e.example/x)" + "y" * 1000)
    untrusted.markdown("word " * 100_000)


def test_what_reaches_streamlit_is_safe() -> None:
    """Every function escapes or rewrites, raw text is cut at 500 characters, and a cut text says so."""
    app = AppTest.from_function(_page).run()
    assert not app.exception
    assert app.markdown[0].value == r"\[image “x” from e.example\] **bold**"
    escaped = r"!\[x\](http\://e.example/x)"
    assert [app.markdown[1].value, app.caption[0].value, app.error[0].value] == [escaped] * 3
    assert len(app.code[0].value) == 500
    assert app.caption[1].value.startswith("This text is too long")


@pytest.mark.parametrize(
    "text", ["**a** needle `b`", "https://needle.example", "![needle](x)", ":red[needle]", "needle", "😀 needle"]
)
def test_a_marked_text_is_its_letters_with_some_in_bold(text: str) -> None:
    """A parser finds the letters as they were written, and what was searched for strong."""
    start = text.index("needle")
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(marked(text, [(start, start + 6)]))
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special", "strong_open", "strong_close"}
    assert [child.type for child in children].count("strong_open") == 1
    assert "".join(child.content for child in children).replace("\u2060", "") == text


def test_every_letter_written_from_right_to_left_keeps_its_direction_to_itself() -> None:
    """Whatever block of Unicode it is in; a mark of direction alone is taken out instead."""
    letters = [letter for letter in map(chr, range(0x110000)) if unicodedata.bidirectional(letter) in ("R", "AL")]
    assert len(letters) > 1000
    assert [letter for letter in letters if isolated(letter) not in (f"\u2068{letter}\u2069", "")] == []
    assert isolated("98.9 % · 0.4 s – gpt-4o → é") == "98.9 % · 0.4 s – gpt-4o → é"
