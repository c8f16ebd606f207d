"""Untrusted Markdown as HTML for a page that needs nothing else: no image, no script, no HTML of theirs, no style.

What may be in it, and how much, `safe_markdown` says, as for the pages of the dashboard. Formulas stay their source.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin

from dashboard.bounded_links import BoundedLinks
from dashboard.components import untrusted
from dashboard.components.safe_inline import is_allowed
from dashboard.components.safe_markdown import safe_markdown

DEEPEST = 150
"""Levels of nesting that are drawn: more than the twelve markers and 60 columns of a safe text can make."""

_HEADINGS_BELOW = 2
"""A page has its own two levels of headings above those of a text."""


def rendered(text: str) -> str:
    """A prompt or an answer as HTML; one that is too long to be drawn as a whole is there once more, as its source."""
    safe = safe_markdown(text)
    drawn: str = _parser().render(safe.text)
    if safe.is_whole:
        return drawn
    source = escape(untrusted.revealed(text))
    return (
        f"{drawn}<details><summary>This text is too long to be drawn as a whole. Here it is as it was written."
        f"</summary>\n<pre>{source}</pre>\n</details>\n"
    )


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 the library's name
        return is_allowed(url)


@cache
def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False, "breaks": True, "xhtmlOut": False, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    parser.inline.ruler.at("link", BoundedLinks())
    dollarmath_plugin(parser, allow_labels=False, double_inline=True)
    for kind in ("math_inline", "math_inline_double", "math_block"):
        parser.add_render_rule(kind, _formula)
    parser.core.ruler.push("dressed", _dressed)
    return parser


def _dressed(state: StateCore) -> None:
    """Headings below the page's own, links that tell nobody where they were, cells aligned by class."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _HEADINGS_BELOW)}"
        elif token.type in ("th_open", "td_open") and "style" in token.attrs:
            token.attrs["class"] = str(token.attrs.pop("style")).removeprefix("text-align:")
        for child in token.children or ():
            if child.type == "link_open":
                child.attrs |= {"rel": "noopener noreferrer", "target": "_blank"}


def _formula(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    token = tokens[index]
    source = escape(f"{token.markup or '$'}{token.content}{token.markup or '$'}")
    return f'<pre class="formula">{source}</pre>\n' if token.block else f'<span class="formula">{source}</span>'
