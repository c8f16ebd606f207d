"""Prompt templates: a text with variables in double braces, which are filled in before it is sent.

    Write about the weather in {{city}}, in {{language=English}}.

`\\{{` stands for the braces themselves. A variable that stands in several places is asked for once; the first default
that it is given holds everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conductor_core.errors import InvalidRequest

MOST_VARIABLES = 20
VARIABLE_CHARACTERS = 40
"""Of a variable's name."""

_PLACE = re.compile(r"(?P<literal>\\\{\{)|\{\{(?P<inside>[^{}\n]*)\}\}")  # linear: no brace inside
_INSIDE = re.compile(r"\s*(?P<name>\w+)\s*(?:=(?P<default>.*))?")


@dataclass(frozen=True, slots=True)
class Variable:
    """A place to be filled in. `default` is what it is filled with if nothing is said; None: it must be said."""

    name: str
    default: str | None


def variables(text: str) -> list[Variable]:
    """What a template asks for, in the order of the text.

    Raises:
        InvalidRequest: double braces that hold no variable, or too many variables.
    """
    found: dict[str, str | None] = {}
    for place in _PLACE.finditer(text):
        if not place["literal"]:
            name, default = _read(place["inside"])
            known = found.get(name)
            found[name] = default if known is None else known
    if len(found) > MOST_VARIABLES:
        raise InvalidRequest(f"The template has {len(found)} variables; the limit is {MOST_VARIABLES}.", "text")
    return [Variable(name, default) for name, default in found.items()]


def filled(text: str, values: Mapping[str, str]) -> str:
    """The template with its variables filled in: with what is said, else with their defaults.

    Raises:
        InvalidRequest: as `variables`, or a variable without a default has no value.
    """
    asked = variables(text)
    missing = [variable.name for variable in asked if variable.default is None and not values.get(variable.name)]
    if missing:
        raise InvalidRequest(f"Fill in: {', '.join(missing)}.", "variables")
    said = {variable.name: values.get(variable.name) or variable.default or "" for variable in asked}
    return _PLACE.sub(lambda place: "{{" if place["literal"] else said[_read(place["inside"])[0]], text)


def _read(inside: str) -> tuple[str, str | None]:
    """Name and default of what stands between double braces."""
    parts = _INSIDE.fullmatch(inside)
    if not parts:
        raise InvalidRequest(
            f"“{{{{{inside[:VARIABLE_CHARACTERS]}}}}}” is no variable: its name is one word, of letters, digits and "
            "underscores; a default may follow after =. Write \\{{ for the braces themselves.",
            "text",
        )
    if len(parts["name"]) > VARIABLE_CHARACTERS:
        raise InvalidRequest(
            f"A variable's name has {len(parts['name'])} characters; the limit is {VARIABLE_CHARACTERS}.", "text"
        )
    default = parts["default"]
    return parts["name"], default if default is None else default.strip()
