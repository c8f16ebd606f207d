"""Files of prompts as people have them: what is read, and what every refusal says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import CheckKind
from conductor_core.prompt_sets.reading import (
    EXPECTED_CHARACTERS,
    MOST_BYTES,
    MOST_PROBLEMS,
    MOST_ROWS,
    PROMPT_CHARACTERS,
    Row,
    read,
    with_default,
)

TWO = (Row(2, "What is 2+2?", "4", None, ("sums", "easy")), Row(3, "Say hi"))


def told(data: bytes | str, name: str = "") -> list[str]:
    return [problem.sentence for problem in read(data, name).problems]


@pytest.mark.parametrize(
    "data",
    [
        b'prompt,expected,tags\nWhat is 2+2?,4,"sums, easy"\nSay hi,,\n',
        b'\xef\xbb\xbfPrompt;Expected Answer;TAGS\r\nWhat is 2+2?;4;"sums;easy"\r\nSay hi\r\n',
        "Prompt\texpected\ttags\nWhat is 2+2?\t4\tsums|Easy\nSay hi\t\t\n".encode("utf-16"),
        b'"question","answer","tag"\rWhat is 2+2?,4,"sums,easy"\rSay hi,,',
        b'\n{"Prompt": "What is 2+2?", "expected": 4, "tags": ["sums", "easy"]}\n'
        b'{"prompt": "Say hi", "tags": null}\r\n',
    ],
    ids=["plain", "excel", "utf-16 tabs", "old mac", "json lines"],
)
def test_one_set_in_many_files(data: bytes) -> None:
    """Delimiters, byte order marks, line ends and the case of names don't matter."""
    reading = read(data)
    assert (reading.rows, reading.problems) == (TWO, ())


def test_excels_first_line_names_the_delimiter() -> None:
    """And lines are counted as the file has them."""
    reading = read(b"sep=;\r\nprompt;tags\r\na, b;x\r\n", "prompts.csv")
    assert reading.rows == (Row(3, "a, b", tags=("x",)),)


def test_line_ends_in_quotes_belong_to_the_prompt() -> None:
    """The next line's number is still right."""
    reading = read('prompt,check,expected\n"one\ntwo\n\nthree",equals,"say ""hi"""\n\nlast\n')
    assert reading.rows == (Row(2, "one\ntwo\n\nthree", 'say "hi"', CheckKind.EQUALS), Row(7, "last"))


def test_columns_that_mean_nothing_are_told() -> None:
    """They are left out, and said to be."""
    assert read("id,prompt\n1,hello\n").ignored == ("id",)
    assert read('{"prompt": "hello", "id": 1}').ignored == ("id",)


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        ("", "", "There is nothing in it."),
        ("prompt\n", "", "There is no prompt in it."),
        ("text\nhello\n", "", "Line 1: no column is called prompt. The first line names the columns."),
        ("prompt,Question\na,b\n", "", "Line 1: two columns are the prompt. Leave one out."),
        (
            "prompt,tags\nhello, world, you,x\n",
            "",
            "Line 2: has 4 cells, and the header names 2. Put quotes around commas.",
        ),
        ('prompt\n"hello\nworld\n', "", "Line 3: a quote is opened and never closed."),
        (
            "prompt,expected\n  ,x\n",
            "",
            "Line 2: prompt is empty. Write at least one visible character, or leave the line out.",
        ),
        (
            f"prompt\n{'x' * (PROMPT_CHARACTERS + 1)}\n",
            "",
            "Line 2: prompt has 50,001 characters; the limit is 50,000.",
        ),
        (
            f"prompt,expected\na,{'x' * (EXPECTED_CHARACTERS + 1)}\n",
            "",
            "Line 2: expected has 20,001 characters; the limit is 20,000.",
        ),
        (f"prompt\n{'x' * 140_000}\n", "", "Line 2: a cell is longer than 131,072 characters. Is a quote missing?"),
        (
            "prompt,check\na,similar\n",
            "",
            "Line 2: check is “similar”; it can be contains, equals, regex, json_schema, judge.",
        ),
        ("prompt,check\na,regex\n", "", "Line 2: expected is empty, and the check “regex” needs it."),
        (f"prompt,tags\na,{'|'.join('abcdefghijk')}\n", "", "Line 2: tags: there are 11; the limit is 10."),
        (f"prompt,tags\na,{'t' * 41}\n", "", "Line 2: tags: one has 41 characters; the limit is 40."),
        (b"prompt\na\ncaf\xe9\n", "", "Line 3: is not UTF-8 (byte 0xE9). Save the file as UTF-8."),
        ("prompt\na\0b\n", "", "Line 2: prompt holds a NUL or half a character, which can't be stored."),
        (b"x" * (MOST_BYTES + 1), "", "The file has 5,000,001 bytes; the limit is 5,000,000."),
        ('{"prompt": "a"}\n{"prompt": ', "", "Line 2: is not JSON ("),
        ('{"prompt": NaN}', "", "Line 1: is not JSON ("),
        ("[1]", "a.jsonl", "Line 1: is no object, like {"),
        ('{"text": "a"}', "", "Line 1: prompt is empty."),
        ('{"prompt": ["a"]}', "", "Line 1: prompt is no text but a list."),
        ('{"prompt": "a", "tags": [1]}', "", "Line 1: tags are neither a text nor a list of texts."),
        ('{"prompt": "a", "check": "contains", "expected": {}}', "", "Line 1: expected is no text but an object."),
    ],
)
def test_a_refusal_names_line_field_and_bound(data: bytes | str, name: str, sentence: str) -> None:
    """And nothing is guessed."""
    (found,) = told(data, name)
    assert found.startswith(sentence)


def test_good_lines_are_read_beside_bad_ones() -> None:
    """So that one typing mistake does not hide the next."""
    reading = read("prompt,check\nok,\n,\nfine,nonsense\n")
    assert [row.prompt for row in reading.rows] == ["ok"]
    assert [problem.line for problem in reading.problems] == [4]
    assert read('{"prompt": "a"}\n{}\n').rows == (Row(1, "a"),)


def test_there_is_an_end_to_rows_and_problems() -> None:
    """Both limits are said."""
    many = read("prompt\n" + "a\n" * (MOST_ROWS + 5))
    assert len(many.rows) == MOST_ROWS
    assert [problem.sentence for problem in many.problems] == ["There are more than 2,000 prompts, which is the limit."]
    wrong = told("prompt,check\n" + "a,x\n" * (MOST_PROBLEMS + 5))
    assert (len(wrong), wrong[-1]) == (MOST_PROBLEMS + 1, "Reading stopped after 50 problems.")


def test_a_schema_may_be_written_as_an_object() -> None:
    """In JSON lines."""
    (row,) = read('{"prompt": "a", "check": "JSON schema", "expected": {"type": "object"}}').rows
    assert (row.check, json.loads(row.expected)) == (CheckKind.JSON_SCHEMA, {"type": "object"})


def test_a_default_check_is_for_rows_that_can_have_it() -> None:
    """Those with an expected answer and no check of their own; the judge needs none."""
    rows = (Row(1, "a", "x"), Row(2, "b"), Row(3, "c", "y", CheckKind.EQUALS))
    assert [row.check for row in with_default(rows, CheckKind.CONTAINS)] == [CheckKind.CONTAINS, None, CheckKind.EQUALS]
    assert [row.check for row in with_default(rows, CheckKind.JUDGE)] == [CheckKind.JUDGE] * 2 + [CheckKind.EQUALS]
    assert with_default(rows, None) == rows


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)), st.sampled_from(["", "a.csv", "a.jsonl"]))
def test_nothing_makes_it_fall_over(data: bytes | str, name: str) -> None:
    """Whatever comes is rows or sentences, never an error, never neither."""
    reading = read(data, name)
    assert reading.rows or reading.problems
    assert all(problem.sentence for problem in reading.problems)
