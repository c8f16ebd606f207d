"""A page of HTML that needs nothing else: no script, no file beside it, nothing loaded from anywhere.

It prints well, is dark where the reader's is, and its policy forbids what it has no use for.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape

from dashboard.components.untrusted import line, revealed
from dashboard.rendered_markdown import rendered

PIECE = 65_536
"""Characters that are handed on together, at least."""

_STYLE = """
:root { color-scheme: light dark; }
:root {
  --accent: #4F5BD5; --code: #F4F5F8; --ground: #FFFFFF; --ink: #1B1D28; --line: #DFE1E8; --quiet: #5E6272;
  --tint: #F1F2F7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --accent: #8B95F6; --code: #1E2028; --ground: #14161F; --ink: #E8E9F0; --line: #333642; --quiet: #A2A6B6;
    --tint: #20232F;
  }
}
* { box-sizing: border-box; }
body { background: var(--ground); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; margin: 0; }
main { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; }
article { margin: 0 auto; max-width: 47.5rem; padding-top: 1.5rem; }
article.compare { max-width: none; }
article + article { border-top: 1px solid var(--tint); margin-top: 3rem; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h2 { color: var(--accent); font-size: 0.95rem; margin: 0 0 0.25rem; }
h2 small, .quiet { color: var(--quiet); font-size: 0.82rem; font-weight: 400; }
section { margin-top: 1.5rem; min-width: 0; }
.said { background: var(--tint); border-radius: 0.75rem; padding: 0.75rem 1rem; }
.text { overflow-wrap: anywhere; unicode-bidi: plaintext; }
.text > :first-child { margin-top: 0; }
.text > :last-child { margin-bottom: 0; }
.text :is(h3, h4, h5, h6) { font-size: 1.05rem; line-height: 1.35; margin: 1.25rem 0 0.5rem; }
.text a { color: var(--accent); }
.text blockquote { border-left: 3px solid var(--line); color: var(--quiet); margin: 1rem 0; padding-left: 1rem; }
.text hr { border: 0; border-top: 1px solid var(--line); }
code, pre { font: 0.85rem/1.5 ui-monospace, monospace; }
code, pre { background: var(--code); border-radius: 0.3rem; color: var(--ink); }
code { padding: 0.1rem 0.3rem; }
pre { border: 1px solid var(--line); overflow-wrap: anywhere; padding: 0.75rem; white-space: pre-wrap; }
pre code { padding: 0; }
table { border-collapse: collapse; display: block; font-size: 0.9rem; margin: 1rem 0; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; }
.center { text-align: center; }
.right { text-align: right; }
figure { display: inline-block; margin: 0.5rem 0.75rem 0 0; max-width: 100%; }
img { border-radius: 0.5rem; display: block; max-height: 30rem; max-width: 100%; }
.facts { font-variant-numeric: tabular-nums; margin: 0.4rem 0 0; }
.lines { overflow-wrap: anywhere; unicode-bidi: plaintext; white-space: pre-wrap; }
.failure { border-left: 3px solid #C0392B; margin: 0.5rem 0 0; padding-left: 0.75rem; }
.lanes { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); }
details { border-left: 3px solid var(--tint); color: var(--quiet); margin-bottom: 0.5rem; padding-left: 0.75rem; }
summary { cursor: pointer; }
@media print {
  :root { --ground: #FFFFFF; --ink: #000000; --quiet: #444444; --tint: #EEEEEE; --accent: #000000; }
  :root { --code: #F6F6F6; --line: #CCCCCC; }
  main { max-width: none; padding: 0; }
  article { max-width: none; }
  article + article { border: 0; break-before: page; margin: 0; }
  h1, h2 { break-after: avoid; }
  img { break-inside: avoid; }
}
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def page(title: str, pieces: Iterable[str]) -> Iterator[str]:
    """The page, a few pieces of its body at a time."""
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{line(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
    together: list[str] = []
    size = 0
    for piece in pieces:
        together.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield "".join(together)
            together, size = [], 0
    yield "".join([*together, "</main>\n</body>\n</html>\n"])


def lines(text: str) -> str:
    """A text as it was written."""
    return escape(revealed(text))


def markdown(text: str) -> str:
    """A prompt or an answer, drawn."""
    return f'<div class="text" dir="auto">\n{rendered(text)}</div>\n'


def image(name: str, media_type: str, data: bytes, caption: str) -> Iterator[str]:
    """A picture that is in the page itself."""
    yield f'<figure><img alt="{line(name)}" src="data:{escape(media_type)};base64,'
    yield b64encode(data).decode()
    yield f'"><figcaption class="quiet">{caption}</figcaption></figure>\n'
