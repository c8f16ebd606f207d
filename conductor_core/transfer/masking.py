"""Values of any shape without the keys of this installation in their texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TypeVar

Value = TypeVar("Value")


def masked(value: Value, mask: Callable[[str], str]) -> Value:
    """A copy with every text in it masked, in lists, dictionaries and dataclasses too; what else there is stays."""
    made: object = value
    if isinstance(value, Enum):
        pass
    elif isinstance(value, str):
        made = mask(value)
    elif isinstance(value, dict):
        made = {name: masked(inner, mask) for name, inner in value.items()}
    elif isinstance(value, list):
        made = [masked(inner, mask) for inner in value]
    elif isinstance(value, tuple):
        made = tuple(masked(inner, mask) for inner in value)
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: masked(getattr(value, field.name), mask) for field in fields(value)})
    return made  # type: ignore[return-value]  # of the same type as it was
