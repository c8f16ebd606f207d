"""A Conductor of the tests' own: real store in a temporary folder, real wire, providers at the tests' upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from conductor_core.conductor import Conductor
from conductor_core.secret import Secret
from conductor_core.settings import Environment, Origin
from conductor_core.store.database import Store
from conductor_core.store.sqlite_file import prepare_file
from tests.upstream import Upstream

KEY = "sk-tests-0123456789abcdef"


def environment_for(home: Path, upstream: Upstream | None, **variables: str) -> Environment:
    """The environment of an installation in `home`, with OpenAI and Anthropic at `upstream` if there is one.

    Retries come soon, for nobody here needs to be spared.
    """
    found = {"CONDUCTOR_HOME": str(home), "CONDUCTOR_RETRY_BASE": "0.01", **variables}
    if upstream:
        found |= {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": upstream.url,
        }
    return Environment({Origin.RUN: {}, Origin.ENVIRONMENT: found, Origin.PROJECT: {}, Origin.HOME: {}})


@cache
def _new_database() -> bytes:
    with TemporaryDirectory() as home:
        path = Path(home) / "conductor.db"
        prepare_file(path)
        return path.read_bytes()


def give_database(home: Path) -> None:
    """The file a first start makes, unless there is one: going through all migrations is half of what opening takes."""
    path = home / "conductor.db"
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(_new_database())


def opened_store(home: Path, database_url: Secret | None = None) -> Store:
    """An open store on a file in `home`, or on PostgreSQL."""
    if database_url is None:
        give_database(home)
    return Store.open(home, place="http://127.0.0.1:8501", database_url=database_url)


@asynccontextmanager
async def installation(home: Path, upstream: Upstream | None = None, **variables: str) -> AsyncIterator[Conductor]:
    """An opened Conductor, closed in the end."""
    give_database(home)
    conductor = await Conductor.open(environment_for(home, upstream, **variables))
    try:
        yield conductor
    finally:
        await conductor.close()
