"""What PostgreSQL and its driver raise: which of it passes, and how it is told. By SQLSTATE, never by prose.

The codes are those of the manual's appendix A, "PostgreSQL Error Codes".
"""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conductor_core.database_url import shown
from conductor_core.errors import NotFound, StoreError
from conductor_core.redaction import MASK
from conductor_core.store.backend import original

# Connection, transaction rollback (serialization, deadlock), resources, state (locks), operator, system, internal.
_PASSING = ("08", "40", "53", "55", "57", "58", "XX")
_READ_ONLY = "25006"  # a server that became a standby
_FULL = "53100"
_LOCKED = ("40", "55")


def passes(error: Exception) -> bool:
    """Whether it is the server's or the connection's state, not the row's fault."""
    error = original(error)
    code = _code(error)
    if code:
        return code.startswith(_PASSING) or code == _READ_ONLY
    # Without a code it never came to the server, or no answer came back.
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout)


def refusal(error: Exception, url: URL) -> Exception:
    """What whoever saved the row is told."""
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return NotFound()
    refused = StoreError(f"This was not saved: the database refused it ({told(error, url)}).")
    refused.__cause__ = error
    return refused


def sentence(error: Exception, url: URL) -> str:
    """For people, while rows wait."""
    code = _code(original(error))
    if code == _FULL:
        return (
            f"The disk of {shown(url)} is full: answers are not being saved. "
            "They wait in memory; free some space there."
        )
    if code.startswith(_LOCKED):
        return f"Saving is delayed: another program holds the tables of {shown(url)}. Answers wait in memory."
    if code == _READ_ONLY:
        return f"Saving is delayed: {shown(url)} takes no writes just now. Answers wait in memory."
    if passes(error):
        return f"Saving is delayed: {shown(url)} can't be reached. Answers wait in memory until it is back."
    return f"Answers are not being saved ({told(error, url)}). They wait in memory; check {shown(url)}."


def told(error: Exception, url: URL) -> str:
    """What was said, in one line, without the password should it be in there."""
    error = original(error)
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    line = " ".join((said or str(error)).split()).rstrip(".")[:500]
    password = str(url.password or "")
    for form in {password, quote(password, safe=""), quote_plus(password)} - {""}:
        line = line.replace(form, MASK)
    return line


def _code(error: Exception) -> str:
    return (error.sqlstate or "") if isinstance(error, psycopg.Error) else ""
