"""A provider's name and mark, whatever the upstream calls its model."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.dashboard.app_pages.pages import Install


def _page(provider: str, model: str) -> None:
    from dashboard.components.who import show

    show(provider, model)


def shown(provider: str, model: str) -> str:
    page = AppTest.from_function(_page, args=(provider, model)).run()
    assert not page.exception
    return str(page.html[0].value)


def test_mark_colour_name_and_model(install: Install) -> None:
    """The mark is decoration for screen readers; the name is the sign."""
    install()
    assert shown("anthropic", "claude-haiku-4-5") == (
        '<div class="who" title="claude-haiku-4-5"><span style="color:#D55E00" aria-hidden="true">■</span> '
        "<b>Anthropic</b> <small>claude-haiku-4-5</small></div>"
    )


def test_a_malicious_model_name_is_text(install: Install) -> None:
    """Neither an element nor the end of an attribute."""
    install()
    html = shown("openai", "\"><img src=x onerror=alert(1)><b title='")
    assert "<img" not in html
    assert html.count('"') == 8
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_provider_that_is_gone_keeps_its_name(install: Install) -> None:
    """Old answers stay readable, and its name can't be HTML either."""
    install()
    assert "<b>custom:&lt;i&gt;</b>" in shown("custom:<i>", "m")
    assert "<b>AUTO</b>" in shown("auto", "")
