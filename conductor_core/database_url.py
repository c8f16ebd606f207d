"""The address of a PostgreSQL database: what may stand in it, and how it is shown to people."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVER = "postgresql+psycopg"
_EXAMPLE = f"{DRIVER}://user:password@host:5432/name"


def parsed(text: str) -> URL:
    """The parts of an address. libpq's options, such as `?sslmode=verify-full`, stay in its query.

    Raises:
        ValueError: it is none; the sentence never repeats a part of it.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"must be an address such as {_EXAMPLE}") from None
    if url.drivername != DRIVER:
        raise ValueError(f"must begin with {DRIVER}://, as in {_EXAMPLE}; without it a SQLite file is used")
    if "@" in (url.host or "") or "@" in (url.database or ""):
        raise ValueError("holds a password with @ or / in it: write %40 for @ and %2F for /")
    if not url.database:
        raise ValueError(f"names no database: the address ends with /name, as in {_EXAMPLE}")
    if {"password", "passfile", "sslpassword"} & set(url.query):
        raise ValueError("has a password among its options: write it before the @, or set PGPASSWORD")
    return url


def shown(url: URL) -> str:
    """Which database it is, without user and password."""
    host = url.host or _first(url.query.get("host")) or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL at {host}{port}/{url.database}"


def _first(value: str | tuple[str, ...] | None) -> str | None:
    return value[0] if isinstance(value, tuple) else value
