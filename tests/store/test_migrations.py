from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from conductor_core.store import migrations
from conductor_core.store.database import Store
from conductor_core.store.sqlite_file import APPLICATION_ID
from conductor_core.store.tables import calls, metadata
from tests.store.rows import finished, incident


def test_the_head_is_the_last_migration() -> None:
    """The constant that spares Alembic's import names Alembic's own single head."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_the_migrations_make_the_tables(home: Path) -> None:
    """A fresh database, made by the migrations, is what the tables say, partial indexes included."""
    Store.open(home).close()
    migrated = create_engine(f"sqlite:///{home / 'conductor.db'}")
    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    indexes = text("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
    with migrated.connect() as ours, declared.connect() as theirs:
        of_one = ("texts_found", "texts_words")  # each database's own index of words
        options = {"compare_type": True, "include_object": lambda _, name, *__: not str(name).startswith(of_one)}
        assert compare_metadata(MigrationContext.configure(ours, opts=options), metadata) == []
        assert ours.execute(indexes).all() == theirs.execute(indexes).all()
    migrated.dispose()
    declared.dispose()


def test_opening_an_up_to_date_database_does_not_import_alembic(home: Path) -> None:
    """Alembic is only loaded when there is something to migrate."""
    Store.open(home).close()
    script = (
        "import sys; from pathlib import Path; from conductor_core.store.database import Store\n"
        f"Store.open(Path({str(home)!r})).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_database_of_before_incidents_keeps_its_calls(home: Path) -> None:
    """The first revision is migrated in place: what was there is there, a backup was made, incidents can be kept."""
    home.mkdir()
    before = create_engine(f"sqlite:///{home / 'conductor.db'}")
    with before.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        then = {name: value for name, value in asdict(finished(id="a" * 32)).items() if name != "superseded"}
        connection.execute(calls.insert(), [then])
    before.dispose()
    store = Store.open(home)
    store.save_incident(incident()).result(5)
    found, kept = store.recent_calls(10), store.incidents(0, 10**16)
    store.close()
    assert [call.id for call in found] == ["a" * 32]
    assert len(kept) == 1
    assert len(list((home / "backups").glob("*-0001.db"))) == 1
