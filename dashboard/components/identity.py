"""One colour and one mark per provider, the same in picker, answers, lanes, cards and every chart.

The colours are the Okabe–Ito set (Okabe and Ito, "Color Universal Design", 2008), made for every kind of colour vision,
and shades between its members, each shifted in lightness until it stands out at least 3:1 (WCAG 2.2, 1.4.11) from the
backgrounds of both themes. Colour is never the only sign: the mark or the name goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass
from zlib import crc32

from conductor_core.providers.drill import DRILLS


@dataclass(frozen=True, slots=True)
class Identity:
    """How one provider looks: its colour as `#rrggbb`, its mark as one character."""

    colour: str
    mark: str


VENDORS = {
    "gemini": Identity("#0072B2", "◆"),
    "openai": Identity("#009E73", "▲"),
    "anthropic": Identity("#D55E00", "■"),
    "groq": Identity("#C96F9F", "▼"),
    "mistral": Identity("#B87F00", "★"),
    "deepseek": Identity("#2E8FC9", "◇"),
    "xai": Identity("#8F8500", "◉"),
    "together": Identity("#8A6FBF", "□"),
    "openrouter": Identity("#B5485A", "△"),
    "ollama": Identity("#6B8E23", "○"),
    "lmstudio": Identity("#A0642B", "▽"),
    "vllm": Identity("#2E8B8B", "☆"),
    "local": Identity("#7A8794", "●"),
}
"""The providers that come with Conductor."""

DRILL_LOOKS = dict(
    zip(
        (vendor.name for vendor in DRILLS),
        (
            Identity("#1A86A8", "◈"),
            Identity("#A6762B", "▣"),
            Identity("#C05A94", "◎"),
            Identity("#5E8C31", "▤"),
        ),
        strict=True,
    )
)
"""The simulated providers of a drill."""

FREE = (
    Identity("#1F78D1", "◐"),
    Identity("#BF6B30", "◑"),
    Identity("#4C8F5B", "◒"),
    Identity("#A05FA8", "◓"),
    Identity("#B5771E", "◧"),
    Identity("#4F86C6", "◨"),
    Identity("#D1495B", "◩"),
    Identity("#74787C", "◪"),
)
"""For the user's own endpoints. With more than these, looks are shared and the name tells them apart."""


_SHADES = (0.2, -0.12, 0.3, 0.1)


class Palette:
    """Who looks how, among the providers of one installation.

    Args:
        names: every provider's registry name, own endpoints included.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._looks = VENDORS | DRILL_LOOKS
        taken: set[Identity] = set()
        for name in sorted(set(names) - self._looks.keys()):
            self._looks[name] = _next_free(name, taken)
            taken.add(self._looks[name])

    def of(self, name: str) -> Identity:
        """The look of a provider; one that is no longer configured keeps the look its name gives."""
        return self._looks.get(name) or _next_free(name, set())


def shade(colour: str, nth: int) -> str:
    """The colour of a provider's nth model: the provider's own, then lighter and darker ones of the same hue."""
    if nth == 0:
        return colour
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, light, full = rgb_to_hls(red, green, blue)
    light = min(max(light + _SHADES[(nth - 1) % len(_SHADES)], 0.25), 0.72)
    return "#" + "".join(f"{round(part * 255):02X}" for part in hls_to_rgb(hue, light, full))


def _next_free(name: str, taken: set[Identity]) -> Identity:
    """Starts where the name's checksum points, so that a name keeps its look whatever else is configured, mostly."""
    start = crc32(name.encode()) % len(FREE)
    turned = FREE[start:] + FREE[:start]
    return next((look for look in turned if look not in taken), turned[0])
