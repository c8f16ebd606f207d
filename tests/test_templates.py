"""Prompt templates: what they ask for, and what comes of the answers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.errors import InvalidRequest
from conductor_core.templates import MOST_VARIABLES, VARIABLE_CHARACTERS, Variable, filled, variables
from tests.clock import processor_seconds

names = st.from_regex(re.compile(r"\w{1,40}"), fullmatch=True)
plain = st.text(st.characters(exclude_characters="{}\\", codec="utf-8"))
defaults = st.none() | st.text(st.characters(exclude_characters="{}\n", codec="utf-8"), max_size=20)


@st.composite
def templates(draw: st.DrawFn) -> list[str | Variable]:
    """Texts and places in turn, each variable with one default wherever it stands."""
    known = draw(st.dictionaries(names, defaults, max_size=MOST_VARIABLES))
    places = st.sampled_from([Variable(*item) for item in known.items()]) if known else st.nothing()
    return draw(st.lists(plain | places, max_size=30))


def written(parts: list[str | Variable]) -> str:
    return "".join(part if isinstance(part, str) else place(part) for part in parts)


def place(variable: Variable) -> str:
    return f"{{{{{variable.name}}}}}" if variable.default is None else f"{{{{{variable.name}={variable.default}}}}}"


@given(templates())
def test_a_template_asks_for_what_stands_in_it(parts: list[str | Variable]) -> None:
    """Each variable once, in the order of the text, with its default."""
    asked = [part for part in parts if isinstance(part, Variable)]
    expected = [(one.name, one.default if one.default is None else one.default.strip()) for one in asked]
    assert [(one.name, one.default) for one in variables(written(parts))] == list(dict.fromkeys(expected))


@given(templates(), st.data())
def test_every_place_is_filled_and_nothing_else_changes(parts: list[str | Variable], data: st.DataObject) -> None:
    """With what is said, whatever that is, braces of its own included; with the default where nothing is."""
    asked = {part for part in parts if isinstance(part, Variable)}
    values = {one.name: data.draw(st.text(min_size=one.default is None), label=one.name) for one in asked}
    expected = "".join(
        part if isinstance(part, str) else values[part.name] or (part.default or "").strip() for part in parts
    )
    assert filled(written(parts), values) == expected


@given(plain)
def test_a_text_without_places_stays_as_it_is(text: str) -> None:
    """There is nothing to ask."""
    assert variables(text) == []
    assert filled(text, {}) == text


@given(st.text("{}\\ab=\n ", max_size=60))
def test_any_braces_are_a_template_or_refused(text: str) -> None:
    """With a sentence; what is taken is filled without a trace of its places."""
    try:
        asked = variables(text)
    except InvalidRequest:
        return
    result = filled(text, {one.name: "X" for one in asked})
    assert len(result) <= len(text)
    assert result.count("X") >= len(asked)


def test_the_same_variable_is_asked_for_once() -> None:
    """The first default it is given holds everywhere."""
    text = "{{city}} and {{ city = Paris }}, {{city=Rome}}; \\{{city}} stays"
    assert variables(text) == [Variable("city", "Paris")]
    assert filled(text, {}) == "Paris and Paris, Paris; {{city}} stays"
    assert filled(text, {"city": "Köln"}) == "Köln and Köln, Köln; {{city}} stays"


def test_an_empty_default_may_stay_empty() -> None:
    """What has none must be said, and the sentence names all of it."""
    assert filled("a{{note=}}b", {}) == "ab"
    with pytest.raises(InvalidRequest, match=r"^Fill in: city, land\.$") as refused:
        filled("{{city}} {{land}} {{river=Rhine}}", {"city": ""})
    assert refused.value.field == "variables"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{two words}}", "“{{two words}}” is no variable"),
        ("{{}}", "“{{}}” is no variable"),
        ("{{a.b}}", "is one word"),
        (f"{{{{{'x' * 41}}}}}", f"A variable's name has 41 characters; the limit is {VARIABLE_CHARACTERS}."),
        (
            "".join(f"{{{{v{number}}}}}" for number in range(21)),
            f"The template has 21 variables; the limit is {MOST_VARIABLES}.",
        ),
    ],
)
def test_what_is_no_template_is_refused(text: str, said: str) -> None:
    """The field and its bound, in a sentence."""
    with pytest.raises(InvalidRequest) as refused:
        variables(text)
    assert said in str(refused.value)


def test_the_longest_text_is_read_in_no_time() -> None:
    """Braces without an end don't make it slow."""
    texts = ("{{" * 50_000, "{" * 100_000, "{{a" * 33_000, "{{a=" + "=" * 99_000, "\\{{" * 33_000)
    assert processor_seconds(lambda: [variables(text) for text in texts]) < 1
