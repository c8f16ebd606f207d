"""The frame of an exported page: handed on in pieces, with nothing in a name that could become more than a name."""

from __future__ import annotations

from dashboard.html_page import PIECE, image, page
from tests.files import PNG


def test_pieces_are_handed_on_together_and_early() -> None:
    """Small ones together, a large one at once: a page of everything is never in memory as a whole."""
    assert len(list(page("T", ["x" * 10] * 10))) == 2
    assert len(list(page("T", ["x" * PIECE] * 10))) == 12
    left = iter(["x" * PIECE] * 3)
    drawn = page("T", left)
    assert next(drawn).startswith("<!doctype html>")
    assert next(drawn) == "x" * PIECE
    assert len(list(left)) == 2


def test_names_stay_names() -> None:
    """In the title and in an attribute."""
    assert "<title>&lt;b&gt;&quot; &amp;</title>" in next(page('<b>"\n&', []))
    assert "".join(image('"x', "image/png", PNG, "")).startswith(
        '<figure><img alt="&quot;x" src="data:image/png;base64,iVBOR'
    )
