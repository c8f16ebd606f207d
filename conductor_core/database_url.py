"""The address of a PostgreSQL database: what may stand in it, and how it is shown to people."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVER = "postgresql+psycopg"
_EXAMPLE = f"{DRIVER}://user:password@host:5432/name"

_DEFAULTS = {  # of the connection, where the address says nothing else; libpq's "Parameter Key Words"
    "connect_timeout": "5",
    "application_name": "conductor",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


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
        raise ValueError("holds an @ too many: in a password write %40 for @")
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


def for_sessions(url: URL, **options: str) -> URL:
    """The address with our defaults for a connection, and options for the server's session besides its own."""
    given = _first(url.query.get("options"))
    every = " ".join([*filter(None, [given]), *(f"-c {name}={value}" for name, value in options.items())])
    return url.update_query_dict({**_DEFAULTS, **url.query, **({"options": every} if every else {})})


def _first(value: str | tuple[str, ...] | None) -> str | None:
    return value[0] if isinstance(value, tuple) else value
