"""Every provider looks the same everywhere, and its colour can be seen in both themes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conductor_core.providers import VENDORS as REGISTERED
from conductor_core.providers.drill import DRILLS
from dashboard.components.identity import DRILL_LOOKS, FREE, VENDORS, Palette

CONFIG = tomllib.loads((Path(__file__).parents[3] / ".streamlit" / "config.toml").read_text())
BACKGROUNDS = [
    CONFIG["theme"][theme][surface]
    for theme in ("light", "dark")
    for surface in ("backgroundColor", "secondaryBackgroundColor")
]


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("colour", [look.colour for look in (*VENDORS.values(), *DRILL_LOOKS.values(), *FREE)])
def test_colours_stand_out_from_every_background_of_the_theme(colour: str, background: str) -> None:
    """At least 3:1, as WCAG 1.4.11 asks of graphics."""
    assert contrast(colour, background) >= 3


def test_every_registered_provider_has_its_own_look() -> None:
    """A new row of the registry needs a row in this table."""
    assert VENDORS.keys() == {vendor.name for vendor in REGISTERED}
    assert DRILL_LOOKS.keys() == {vendor.name for vendor in DRILLS}
    looks = [*VENDORS.values(), *DRILL_LOOKS.values(), *FREE]
    assert len({look.mark for look in looks}) == len({look.colour for look in looks}) == len(looks)


def test_own_endpoints_look_different_from_each_other() -> None:
    """As long as there are free colours."""
    endpoints = [f"custom:server-{number}" for number in range(len(FREE))]
    palette = Palette(endpoints)
    assert len({palette.of(name) for name in endpoints}) == len(FREE)


def test_an_endpoint_looks_the_same_whatever_the_order() -> None:
    """The order of variables in the environment is nobody's choice."""
    names = ["custom:a", "custom:b", "custom:c"]
    forward, backward = Palette(names), Palette(names[::-1])
    assert [forward.of(name) for name in names] == [backward.of(name) for name in names]


def test_a_provider_no_longer_configured_still_has_a_look() -> None:
    """Its old calls are still in the charts."""
    assert Palette([]).of("custom:gone") == Palette(["custom:gone"]).of("custom:gone")
