"""Personas and prompt templates in a browser: kept in one tab, used in another, from where one writes."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, box, choose, every_window, opened

pytestmark = pytest.mark.e2e


def parameters(page: Page, at: int = 0) -> None:
    page.get_by_role("button", name="Parameters of the model").nth(at).click()


def chosen(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()


@every_window
def test_a_template_is_filled_in_by_keyboard_and_edited(
    simulated: Simulated, browser: BrowserContext, size: tuple[int, int]
) -> None:
    """Opened by its key, below what is in the box already; sent, the provider gets what was seen."""
    page = opened(browser, simulated.url, size=size)
    choose(page, "OpenAI")
    box(page).fill("Please:")
    page.keyboard.press("Control+Shift+L")
    page.get_by_role("dialog", name="Prompt templates").wait_for()
    page.get_by_role("button", name="New …").press("Enter")
    name = f"Weather at {size[0]}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Prompt", exact=True).fill("Weather in {{city}}, in {{language=English}}?")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    city = page.get_by_label("city")
    city.fill("Köln")
    city.press("Tab")
    expect(page.get_by_test_id("stCode")).to_contain_text("Weather in Köln, in English?")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    page.get_by_role("button", name="Put into the box").press("Enter")
    expect(box(page)).to_have_value("Please:\n\nWeather in Köln, in English?")
    expect(box(page)).to_be_focused()
    page.keyboard.type(" Thanks.")
    page.keyboard.press("Enter")
    answered(page)
    sent = simulated.beside.upstream.last.body
    assert sent
    assert sent["messages"][-1]["content"] == "Please:\n\nWeather in Köln, in English? Thanks."
    expect(box(page)).to_have_value("")

    other = opened(browser, f"{simulated.url}/compare", "Compare", size=size)
    other.get_by_role("button", name="Templates").click()
    chosen(other, "Template", name)
    other.get_by_label("city").fill("Rome")
    other.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(other.locator('[class*="st-key-said-"]')).to_have_text("Weather in Rome, in English?")
    other.close()
    page.close()


def test_a_persona_is_kept_in_one_tab_and_chosen_in_another(simulated: Simulated, browser: BrowserContext) -> None:
    """In a lane of Compare; the popover is where it was, and the answer was asked for with it."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    parameters(page)
    page.get_by_label("System prompt").fill("Answer like a pirate.")
    page.get_by_role("button", name="Keep as persona …").click()
    dialog = page.get_by_role("dialog", name="Persona")
    expect(dialog.get_by_label("System prompt")).to_have_value("Answer like a pirate.")
    dialog.get_by_label("Name").fill("Pirate")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog).to_have_count(0)
    parameters(page)
    expect(page.get_by_role("combobox", name="Persona")).to_have_value("Pirate")

    other = opened(browser, f"{simulated.url}/compare", "Compare")
    parameters(other, 1)
    chosen(other, "Persona", "Pirate")
    expect(other.get_by_label("System prompt")).to_have_value("Answer like a pirate.")
    other.get_by_role("button", name="Delete …").click()
    dialog = other.get_by_role("dialog", name="Delete this persona?")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_have_count(0)
    parameters(other, 1)
    expect(other.get_by_label("System prompt")).to_have_value("Answer like a pirate.")
    expect(other.get_by_role("combobox", name="Persona")).to_have_count(0)
    other.close()
    page.close()
