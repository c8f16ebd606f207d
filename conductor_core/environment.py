"""The variables in force and where each comes from: this run, the process, `./.env`, `$CONDUCTOR_HOME/.env`."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from conductor_core.dotenv_file import DotenvFile, public_name
from conductor_core.errors import SettingsError

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")


class Origin(StrEnum):
    """Where a variable's value comes from; earlier ones win."""

    RUN = "entered for this run"
    ENVIRONMENT = "environment"
    PROJECT = "./.env"
    HOME = "$CONDUCTOR_HOME/.env"

    @property
    def typed(self) -> bool:
        """Whether Settings writes there; the others are the owner's word."""
        return self in (Origin.RUN, Origin.HOME)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it is in force. Its value may be a key: it is not printed."""

    name: str
    value: str
    origin: Origin

    def __repr__(self) -> str:
        return f"Variable({self.name}, {self.origin})"


class Environment:
    """The variables of the process and of both `.env` files. Safe to use from any thread.

    Args:
        layers: each place's variables.
        files: the files among the places, to name their lines and to save to the last one.
    """

    def __init__(
        self, layers: Mapping[Origin, Mapping[str, str]], files: Mapping[Origin, DotenvFile] | None = None
    ) -> None:
        self._layers = dict(layers)
        self._files = dict(files or {})
        self._lock = threading.Lock()

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Environment:
        """Reads all three places.

        Raises:
            SettingsError: a file can't be read, or keys lie where others on this machine can read them.
        """
        process = {public_name(name): value for name, value in (os.environ if environ is None else environ).items()}
        project = DotenvFile.read((folder or Path.cwd()) / ".env")
        home_value = _trimmed(process.get("CONDUCTOR_HOME", "")) or _trimmed(project.values.get("CONDUCTOR_HOME", ""))
        home = DotenvFile.read(home_folder(home_value) / ".env")
        if home.exposed and _holds_secrets(home):
            raise SettingsError(f"Others on this machine can read {home.path}, which holds keys. {_chmod(home)}")
        layers = {
            Origin.RUN: {},
            Origin.ENVIRONMENT: process,
            Origin.PROJECT: project.values,
            Origin.HOME: home.values,
        }
        return cls(layers, {Origin.PROJECT: project, Origin.HOME: home})

    def get(self, *names: str) -> Variable | None:
        """The first of `names` that any place sets, the places in order of precedence; trimmed."""
        return next(self._found(names), None)

    def merged(self) -> dict[str, str]:
        """Every variable as it is in force."""
        return {
            name: value
            for origin in reversed(Origin)
            for name, raw in self._layers[origin].items()
            if (value := _trimmed(raw))
        }

    def set_anywhere(self) -> Iterator[Variable]:
        """Every variable of every place, also those another place hides."""
        for origin in Origin:
            for name, raw in self._layers[origin].items():
                yield Variable(name, _trimmed(raw), origin)

    def place(self, variable: Variable) -> str:
        """`/path/.env:3:NAME` for a file's variable, else its name and where it comes from."""
        file = self._files.get(variable.origin)
        if file is None or variable.name not in file.lines:
            return f"{variable.name} ({variable.origin})"
        return f"{file.path}:{file.lines[variable.name]}:{variable.name}"

    def saved(self, *names: str) -> bool:
        """Whether `$CONDUCTOR_HOME/.env` sets one of `names`."""
        return any(self._layers[Origin.HOME].get(name) for name in names)

    def set_for_run(self, name: str, value: str | None) -> None:
        """Sets a variable until this process ends, ahead of every other place; None takes it back."""
        with self._lock:
            self._layers[Origin.RUN] = _with(self._layers[Origin.RUN], {name: value})

    def save(self, name: str, value: str | None) -> Variable | None:
        """Sets a variable in `$CONDUCTOR_HOME/.env`, or removes it there. What was entered for this run gives way.

        Returns:
            The variable of another place that hides what is saved, or None.

        Raises:
            SettingsError: the file can't be written.
        """
        self.save_all({name: value})
        found = self.get(name)
        return found if found and found.origin is not Origin.HOME else None

    def save_all(self, changes: Mapping[str, str | None]) -> None:
        """Saves several variables in one step.

        Raises:
            SettingsError: the file can't be written.
        """
        with self._lock:
            file = self._home_file().write(changes)
            self._files[Origin.HOME] = file
            self._layers[Origin.HOME] = file.values
            self._layers[Origin.RUN] = _with(self._layers[Origin.RUN], dict.fromkeys(changes))

    def supposing(self, changes: Mapping[str, str | None], origin: Origin) -> Environment:
        """A copy with these changes at one place, to see whether they would do before anything is written."""
        layers = {**self._layers, origin: _with(self._layers[origin], changes)}
        if origin is Origin.HOME:
            layers[Origin.RUN] = _with(layers[Origin.RUN], dict.fromkeys(changes))
        return Environment(layers, self._files)

    def warnings(self, ours: frozenset[str]) -> list[str]:
        """What is odd and yet no reason not to start.

        Args:
            ours: the names to look at; what other programs' variables look like is not our business.
        """
        project = self._files.get(Origin.PROJECT)
        found = [
            f"{self.place(Variable(name, '', origin))}: white space or quotes around the value were left out."
            for origin in Origin
            for name, raw in self._layers[origin].items()
            if name in ours and raw != _trimmed(raw)
        ]
        if project and project.exposed and _holds_secrets(project):
            found.append(f"Others on this machine can read {project.path}, which holds keys. {_chmod(project)}")
        return found

    def _home_file(self) -> DotenvFile:
        if Origin.HOME in self._files:
            return self._files[Origin.HOME]
        home = self.get("CONDUCTOR_HOME")
        return DotenvFile(home_folder(home.value if home else None) / ".env")

    def _found(self, names: tuple[str, ...]) -> Iterator[Variable]:
        for origin in Origin:
            layer = self._layers[origin]
            for name in names:
                value = _trimmed(layer.get(name, ""))
                if value:
                    yield Variable(name, value, origin)


def home_folder(value: str | None) -> Path:
    """Conductor's own folder: `CONDUCTOR_HOME` or `~/.conductor`."""
    return Path(value or "~/.conductor").expanduser()


def _with(layer: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    changed = {**layer, **changes}
    return {name: value for name, value in changed.items() if value is not None}


def _trimmed(value: str) -> str:
    value = value.strip()
    return value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _holds_secrets(file: DotenvFile) -> bool:
    return any(value and _SECRET_NAME.search(name.upper()) for name, value in file.values.items())


def _chmod(file: DotenvFile) -> str:
    return f"Run: chmod 600 {file.path}"
