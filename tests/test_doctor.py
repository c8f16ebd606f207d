"""The doctor: finds what is wrong with the figures, says so, and puts it right when asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from sqlalchemy import Engine, select

from conductor_core import doctor
from conductor_core.doctor import examine, rebuild
from conductor_core.secret import Secret
from conductor_core.store.backend import Backend
from conductor_core.store.database import Store, open_backend
from conductor_core.store.rollups import Keep, Rollups
from conductor_core.store.tables import calls, rollups
from tests.metrics.histories import World, clear, play, worlds
from tests.store.conftest import engine as engine
from tests.store.conftest import resting_store as resting_store
from tests.store.planted import Plant, changed_byte, doubled_bucket, dropped_bucket, lost_sample
from tests.store.rows import finished

NOON = 21_900 * 86_400_000 + 12 * 3_600_000
PLANTS = [changed_byte, dropped_bucket, doubled_bucket, lost_sample]


@pytest.fixture
def backend(home: Path, resting_store: Store, engine: Engine, database_url: Secret | None) -> Iterator[Backend]:
    """A database with fifty calls that are added up, and nobody who uses it."""
    for saved in [resting_store.save_call(finished(started_at=NOON + number * 60_000)) for number in range(50)]:
        saved.result()
    Rollups(engine, lambda: 1).add_up()
    resting_store.close()
    opened = open_backend(home, "normal", "", database_url)
    yield opened
    opened.close()


def test_sound_figures_are_said_to_be_right(backend: Backend) -> None:
    """How much was looked at is said too."""
    found = examine(backend.reading)
    assert found.sound
    assert list(found.sentences()) == [
        "Checked 50 calls of 1 day.",
        "50 minute figures: right.",
        "4 quarter of an hour figures: right.",
        "1 hour figures: right.",
        "1 day figures: right.",
    ]


@pytest.mark.parametrize("plant", PLANTS)
def test_every_planted_error_is_found_and_put_right(backend: Backend, engine: Engine, plant: Plant) -> None:
    """In every level; afterwards nothing is wrong, and nothing else has changed."""
    before = _stored(engine)
    plant(engine)
    found = examine(backend.reading)
    assert not found.sound
    assert [len(wrong) for wrong in found.wrong.values()] == [1, 1, 1, 1]
    assert "2029-12-17 12:00 UTC, openai gpt-4o chat: " in " ".join(found.sentences())
    assert rebuild(backend.writing, 1) == 1
    assert examine(backend.reading).sound
    assert _stored(engine) == before


@given(worlds())
def test_what_is_added_up_as_it_should_be_is_sound(resting_store: Store, engine: Engine, world: World) -> None:
    """Whatever calls there were, added up in whatever order by whichever copies, and pruned."""
    clear(engine)
    for step in world.steps:
        play(world, step, resting_store, engine, {})
        found = examine(resting_store._backend.reading)
        assert found.sound, list(found.sentences())


def test_days_without_all_their_calls_are_left_alone(backend: Backend, engine: Engine) -> None:
    """What is not kept any more can't be checked, and a rebuild does not take it for nothing."""
    before = len(_stored(engine))
    day = NOON + 3 * 86_400_000
    Rollups(engine, lambda: 1, Keep(calls=1), lambda: day).add_up()
    with engine.connect() as connection:
        assert not connection.execute(select(calls)).all()
    found = examine(backend.reading)
    assert found.sound
    assert any("not kept any more" in sentence for sentence in found.sentences())
    rebuild(backend.writing, 1)
    assert len(_stored(engine)) == before


def test_a_running_installation_is_refused_with_its_pid(
    home: Path, file_store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two that write into one file would be worse than a wrong figure."""
    monkeypatch.setenv("CONDUCTOR_HOME", str(home))
    assert doctor.main([]) == 1
    assert f"process {os.getpid()}" in capsys.readouterr().err


def test_the_command_says_what_it_found_and_how_to_put_it_right(
    home: Path,
    backend: Backend,
    engine: Engine,
    database_url: Secret | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """0 when all is right, 1 when not; `--rebuild` leads from one to the other."""
    monkeypatch.setenv("CONDUCTOR_HOME", str(home))
    if database_url is not None:
        monkeypatch.setenv("CONDUCTOR_DATABASE_URL", database_url.reveal())
    dropped_bucket(engine)
    backend.close()
    assert doctor.main([]) == 1
    assert "make doctor REBUILD=1" in capsys.readouterr().out
    assert doctor.main(["--rebuild"]) == 0
    assert "Rebuilt the figures of 1 day." in capsys.readouterr().out
    assert doctor.main([]) == 0


def test_a_damaged_file_is_left_untouched(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which, and where backups are."""
    home.mkdir()
    (home / "conductor.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5_000)
    monkeypatch.setenv("CONDUCTOR_HOME", str(home))
    assert doctor.main([]) == 1
    assert "left untouched" in capsys.readouterr().err


def _stored(engine: Engine) -> set[tuple[object, ...]]:
    with engine.connect() as connection:
        return {tuple(map(_plain, row)) for row in connection.execute(select(rollups).order_by(*rollups.primary_key))}


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
