"""What every test gets: a home and a working folder of its own, a clean environment, a wall around the machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from conductor_core.secret import Secret
from conductor_core.store.database import Store
from tests.installation import opened_store
from tests.isolation import ROOT, Wall, leaking
from tests.postgres import Server

SCALE = max(1, int(os.environ.get("CONDUCTOR_TEST_SCALE") or 1))
"""How many times more random examples and rounds than in `make test`; `make test-long` sets it."""

OpenStore = Callable[[], Store]

_wall = Wall()


def pytest_configure() -> None:
    """Sets up what holds for the whole run, before any test module is imported."""
    # Two workers whose numerical library spins with two threads each stand in each other's way for minutes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    set_hypothesis_home_dir(ROOT / ".hypothesis")
    settings.register_profile(
        "conductor",
        max_examples=20 * SCALE,
        # Two cores shared with a browser: a slow example says nothing.
        deadline=None,
        # The fixtures below are reset once per test, and no property here minds.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    settings.load_profile("conductor")
    # Read once per process and from the working folder: each test has its own, ours is in the checkout.
    import streamlit.config

    streamlit.config.get_config_options()
    _wall.build()


@pytest.fixture(scope="session")
def scale() -> int:
    """The factor for rounds and counts: 1 in `make test`, more in `make test-long`."""
    return SCALE


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, Conductor's folder in it, an empty working folder without a `.env`, no variable from outside."""
    for name in leaking(os.environ):
        monkeypatch.delenv(name)
    home, work = tmp_path / "user", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("CONDUCTOR_HOME", str(home / ".conductor"))
    monkeypatch.chdir(work)
    # A process a test starts from there finds the project all the same.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def attempts() -> list[str]:
    """What the running test tried to reach off this machine; one that means to empties the list."""
    return _wall.attempts


@pytest.fixture(autouse=True)
def on_this_machine(attempts: list[str]) -> Iterator[None]:
    """Fails a test that tried to leave the machine, also when the code under test swallowed the refusal."""
    attempts.clear()
    yield
    assert not attempts, f"this test tried to leave the machine: {'; '.join(attempts)}"


@pytest.fixture(autouse=True)
def closed_pages() -> Iterator[None]:
    """After a test that ran pages: their Conductor is closed and Streamlit's caches are empty."""
    yield
    runtime = sys.modules.get("dashboard.runtime")
    if runtime is not None:
        import streamlit

        runtime.close()
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole run, started when the first test needs it."""
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[Secret]:
    """The address of an empty database with all tables."""
    url = postgres.database()
    yield url
    postgres.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Secret | None:
    """What `CONDUCTOR_DATABASE_URL` says: each test that asks runs on a file, then on PostgreSQL."""
    if request.param == "sqlite":
        return None
    url: Secret = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def open_store(home: Path, database_url: Secret | None) -> OpenStore:
    """Opens a store, again and again on the same database; the test closes it."""
    return partial(opened_store, home, database_url)


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    """An open store of the test's own, on a file, then on PostgreSQL; closed again."""
    with closing(open_store()) as opened:
        yield opened


@pytest.fixture
def file_store(home: Path) -> Iterator[Store]:
    """One on a file, for what only files have."""
    with closing(opened_store(home)) as opened:
        yield opened
