"""A PostgreSQL server of the tests' own: on a free port, in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg

from conductor_core.database_url import parsed
from conductor_core.secret import Secret
from conductor_core.store.migrations import HEAD
from conductor_core.store.postgres_tables import prepare_tables
from conductor_core.store.tables import metadata
from scripts.postgres import programs

PASSWORD = "tests/pa55+word%"  # the server asks for none; it must be seen nowhere
_QUOTED = "tests%2Fpa55%2Bword%25"
_TEMPLATE = "migrated"
_PREFIX = "conductor-postgres-"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # No test pulls the plug, and the server's own crashes need none of these.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "80",
}


class Server:
    """Runs from `start` to `stop`. Raises `RuntimeError` with what to do when there is no PostgreSQL."""

    def __init__(self) -> None:
        self._programs = programs()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._data = self._folder / "data"
        self._port = _free_port()
        self._numbers = count()
        self._emptied: list[Secret] = []
        self._as_whom: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            user = _another_user()
            self._as_whom = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            os.chown(self._folder, user.pw_uid, user.pw_gid)

    def start(self) -> None:
        """Makes the data folder and a migrated database that each test gets a copy of."""
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
            self._clear_away(folder)
        self._run("initdb", "--auth=trust", "--username=conductor", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._control("start")
        prepare_tables(parsed(self._create(_TEMPLATE, "template0").reveal()))

    def _clear_away(self, folder: Path) -> None:
        """Ends a server whose tests were killed before they could end it."""
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if folder == self._folder or not owner.isdecimal() or _runs(int(owner)):
            return
        command = [*self._as_whom, str(self._programs / "pg_ctl"), "stop", "--mode=immediate", "--silent"]
        subprocess.run([*command, f"--pgdata={folder / 'data'}"], cwd=self._folder, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)

    def stop(self) -> None:
        """Ends the server, whatever runs on it, and removes its folder."""
        self._control("stop", "--mode=immediate")
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        """As after a crash: no connection is told, nothing is written back."""
        self._control("restart", "--mode=immediate")

    def halt(self) -> None:
        """Crashes it and leaves it so."""
        self._control("stop", "--mode=immediate")

    def resume(self) -> None:
        """Starts it again."""
        self._control("start")

    def database(self, *, migrated: bool = True) -> Secret:
        """The address of a database nobody else uses."""
        if migrated and self._emptied:
            return self._emptied.pop()
        return self._create(f"test_{next(self._numbers)}", _TEMPLATE if migrated else "template0")

    def give_back(self, url: Secret) -> None:
        """Empties a database for the next test, which takes a fifth of making one; drops it if it is not as it was."""
        name = str(parsed(url.reveal()).database)
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        try:
            self.execute(f"{others} WHERE datname = '{name}' AND pid <> pg_backend_pid()", name)
            self.execute("; ".join(f"DELETE FROM {table}" for table in reversed(metadata.sorted_tables)), name)
            as_it_was = self.execute("SELECT version_num FROM alembic_version", name) == [(HEAD,)]
        except psycopg.Error:
            as_it_was = False
        if as_it_was:
            self._emptied.append(url)
        else:
            self.drop(url)

    def drop(self, url: Secret) -> None:
        """Removes a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {parsed(url.reveal()).database} WITH (FORCE)")

    def execute(self, text: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs one statement as the server's owner; its rows, if it has any."""
        with psycopg.connect(
            host="127.0.0.1", port=self._port, user="conductor", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def _create(self, name: str, template: str) -> Secret:
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return Secret(f"postgresql+psycopg://conductor:{_QUOTED}@127.0.0.1:{self._port}/{name}")

    def _control(self, *words: str) -> None:
        settings = " ".join(f"-c {name}='{value}'" for name, value in {"port": self._port, **_SETTINGS}.items())
        begins = words[0] != "stop"
        log = self._folder / "log"
        self._run(
            "pg_ctl", *words, "--wait", "--silent", *([f"--log={log}", f"--options={settings}"] if begins else [])
        )

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_whom, str(self._programs / program), f"--pgdata={self._data}", *words]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode:
            log = self._folder / "log"
            told = done.stderr + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{program} failed: {told[-2000:]}")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _another_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
