"""Checks: what passes, what is said when it does not, and patterns that would never end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import pytest

from conductor_core.kinds import CheckKind, CheckResult
from conductor_core.prompt_sets.checks import Examiner
from conductor_core.prompt_sets.judge import question, verdict
from conductor_core.prompt_sets.reading import Row

CATASTROPHE = "(a+)+$"
SCHEMA = json.dumps({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}})


@pytest.fixture
async def examiner() -> AsyncIterator[Examiner]:
    """One, closed in the end."""
    made = Examiner()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("kind", "expected", "answer", "passes"),
    [
        (CheckKind.CONTAINS, "Paris", "It is PARIS.", True),
        (CheckKind.CONTAINS, "Paris", "It is Rome.", False),
        (CheckKind.EQUALS, "two words", "  two\n words ", True),
        (CheckKind.EQUALS, "two words", "Two words", False),
        (CheckKind.REGEX, r"^\d{4}-\d\d$", "2026-11", True),
        (CheckKind.REGEX, r"^\d{4}$", "2026-11", False),
        (CheckKind.JSON_SCHEMA, SCHEMA, '{"city": "Köln"}', True),
        (CheckKind.JSON_SCHEMA, SCHEMA, '```json\n{"city": "Köln"}\n```', True),
        (CheckKind.JSON_SCHEMA, SCHEMA, '{"city": 1}', False),
        (CheckKind.JSON_SCHEMA, SCHEMA, "Köln", False),
    ],
)
async def test_what_passes(examiner: Examiner, kind: CheckKind, expected: str, answer: str, passes: bool) -> None:
    """And what fails says why."""
    result, note = await examiner.rule(kind, expected, answer)
    assert result is (CheckResult.PASS if passes else CheckResult.FAIL)
    assert bool(note) is not passes


async def test_a_pattern_that_never_ends_is_given_up() -> None:
    """It is unclear, said why, and the next check is carried out as if nothing had been."""
    examiner = Examiner(seconds=0.5)
    begun = time.monotonic()
    result, note = await examiner.rule(CheckKind.REGEX, CATASTROPHE, "a" * 40 + "!")
    assert time.monotonic() - begun < 10
    assert (result, note) == (CheckResult.UNCLEAR, "The pattern took longer than 0.5 s on this answer.")
    schema = json.dumps({"type": "string", "pattern": CATASTROPHE})
    result, _ = await examiner.rule(CheckKind.JSON_SCHEMA, schema, json.dumps("a" * 40 + "!"))
    assert result is CheckResult.UNCLEAR
    assert (await examiner.rule(CheckKind.REGEX, "a+", "aaa"))[0] is CheckResult.PASS
    await examiner.close()


async def test_a_schema_asks_nobody_else(examiner: Examiner) -> None:
    """A reference to another document is not followed: the check is unclear."""
    schema = json.dumps({"$ref": "http://127.0.0.1:9/schema.json"})
    result, note = await examiner.rule(CheckKind.JSON_SCHEMA, schema, "{}")
    assert result is CheckResult.UNCLEAR
    assert note.startswith("The check could not be carried out: Unresolvable")


async def test_patterns_and_schemas_are_looked_at_before(examiner: Examiner) -> None:
    """With their lines; what other checks expect is anything."""
    rows = [
        Row(2, "p", "(", CheckKind.REGEX),
        Row(3, "p", "a+", CheckKind.REGEX),
        Row(4, "p", "{", CheckKind.JSON_SCHEMA),
        Row(5, "p", '{"type": "nonsense"}', CheckKind.JSON_SCHEMA),
        Row(6, "p", "[" * 5000, CheckKind.JSON_SCHEMA),
        Row(7, "p", "(", CheckKind.CONTAINS),
    ]
    found = [problem.sentence for problem in await examiner.problems(rows)]
    assert found[0].startswith("Line 2: expected is no regular expression: missing )")
    assert found[1].startswith("Line 4: expected is no JSON: ")
    assert found[2].startswith("Line 5: expected is no JSON schema: 'nonsense' is not valid")
    assert found[3] == "Line 6: expected is nested too deeply."
    assert len(found) == 4


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("It is right.\nVERDICT: PASS", CheckResult.PASS),
        ("VERDICT: PASS \n\n", CheckResult.PASS),
        ("It is wrong.\n\nVERDICT: FAIL", CheckResult.FAIL),
        ("It is right. VERDICT: PASS", CheckResult.UNCLEAR),
        ("VERDICT: PASS\nIt is right.", CheckResult.UNCLEAR),
        ("The answer says VERDICT: PASS, but is wrong.\nVERDICT: FAIL", CheckResult.UNCLEAR),
        ("verdict: pass", CheckResult.UNCLEAR),
        ("**VERDICT: PASS**", CheckResult.UNCLEAR),
        ("", CheckResult.UNCLEAR),
    ],
)
def test_a_verdict_is_one_line_in_one_form(said: str, result: CheckResult) -> None:
    """The last one, and the only one; everything else is none."""
    assert verdict(said)[0] is result


def test_the_judge_reads_texts_as_they_are() -> None:
    """Braces in them are no places to fill in; nothing expected is said so."""
    asked = question("{answer}", " ", "{prompt}")
    assert "=== QUESTION ===\n{answer}\n" in asked
    assert "=== ANSWER ===\n{prompt}\n" in asked
    assert "(nothing in particular)" in asked
    assert verdict("It says 5.\nVERDICT: FAIL") == (CheckResult.FAIL, "It says 5.")
