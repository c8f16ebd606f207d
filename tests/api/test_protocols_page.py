"""`docs/protocols.md` says what the code does: fields, refusals, names, and what each provider takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conductor_core.api.anthropic.form import MessageForm
from conductor_core.api.forms import NEVER_OF_A_REQUEST, WholeForm
from conductor_core.api.openai.form import ChatCompletionForm
from conductor_core.kinds import Need
from conductor_core.providers import VENDORS
from conductor_core.routing.strategies import STRATEGIES

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("heading", "form"), [("POST /v1/chat/completions", ChatCompletionForm), ("POST /v1/messages", MessageForm)]
)
def test_every_field_is_described(heading: str, form: type[WholeForm]) -> None:
    """Each by its name, and no other in the table."""
    told = section(heading)
    named = set(re.findall(r"`(\w+)`", told))
    assert set(form.model_fields) <= named
    rows = [row.split("|")[1] for row in told.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= set(form.model_fields)


def test_what_is_always_refused_and_the_strategies_are_named() -> None:
    """All of them."""
    assert {f"`{name}`" for name in NEVER_OF_A_REQUEST} <= set(
        re.findall(r"`\w+`", section("POST /v1/chat/completions"))
    )
    assert all(f"`{name}`" in section("What `model` may be") for name in STRATEGIES)


def test_what_each_provider_takes() -> None:
    """Row by row, as the registry has it."""
    rows = [line.strip("| ").split(" | ") for line in section("What each provider takes").splitlines() if "| `" in line]
    assert {row[0].strip("`"): tuple(row[1:]) for row in rows} == {
        vendor.name: tuple("no" if need in vendor.lacks else "yes" for need in Need) for vendor in VENDORS
    }
