"""The child that carries out checks with somebody's pattern or schema, either of which may never come to an end.

One JSON object a line comes in, one goes out. Whoever asks ends the child when it takes too long; should nobody be left
to do so, it ends itself, by a watchdog that needs no interpreter lock. Imports nothing of ours: it is run as a file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import sys
import warnings
from typing import Any

LAST_RESORT = 10.0
"""Seconds."""
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL | re.IGNORECASE)


def fault_of(kind: str, expected: str) -> str:
    """Why a pattern or a schema can't be used, as a clause; empty when it can."""
    try:
        if kind == "regex":
            re.compile(expected)
        elif kind == "json_schema":
            _validator(expected)
    except (re.error, OverflowError) as error:
        return f"is no regular expression: {error}"
    except ValueError as error:
        return f"is no JSON: {error}"
    except RecursionError:
        return "is nested too deeply"
    except Exception as error:  # noqa: BLE001 the library's, whatever it is: told, not judged
        return f"is no JSON schema: {_first_line(error)}"
    return ""


def examine(kind: str, expected: str, answer: str) -> tuple[bool, str]:
    """Whether an answer passes, and why not."""
    if kind == "regex":
        return (True, "") if re.search(expected, answer) else (False, "The pattern is not found in it.")
    fenced = _FENCE.match(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer)
    except ValueError as error:
        return False, f"The answer is no JSON: {error}."
    from jsonschema.exceptions import best_match

    fault = best_match(_validator(expected).iter_errors(value))
    if fault is None:
        return True, ""
    return False, f"{fault.json_path}: {_first_line(fault)}."


def _validator(expected: str) -> Any:
    """Of the schema's own draft, else of the newest. A reference to another document is not followed."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = json.loads(expected)
    found = validator_for(schema, default=Draft202012Validator)
    found.check_schema(schema)
    return found(schema, registry=Registry())


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", error)).splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    kind, expected = asked["kind"], asked["expected"]
    if "answer" not in asked:
        return {"fault": fault_of(kind, expected)}
    try:
        passed, note = examine(kind, expected, asked["answer"])
    except Exception as error:  # noqa: BLE001 a check that can't be carried out is told as one
        return {"passed": None, "note": f"The check could not be carried out: {_first_line(error)}."}
    return {"passed": passed, "note": note}


def main() -> None:
    """Answers until its input ends."""
    warnings.simplefilter("ignore")  # of odd patterns; nobody reads them here
    out = os.fdopen(os.dup(1), "wb")
    for line in sys.stdin.buffer:
        faulthandler.dump_traceback_later(LAST_RESORT, exit=True)
        told = json.dumps(_answer(json.loads(line))).encode()
        faulthandler.cancel_dump_traceback_later()
        out.write(told + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
