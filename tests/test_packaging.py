"""The requirements are pinned, hashed and complete, and the two commands say what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isolation import ROOT

FILES = ("requirements.txt", "requirements-dev.txt", "requirements-local.txt")
NAMED_BY_THE_USER = ("streamlit", "pydantic", "google-generativeai", "pandas", "plotly", "python-dotenv", "pytest")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)((?: ; [^\\]+)?) \\$")


def pins(file: str) -> dict[str, set[str]]:
    """Name to versions of a compiled file; several where they depend on the Python or the system."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / file).read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            match = PIN.match(line)
            assert match, f"{file}: not a pinned line: {line}"
            found.setdefault(_plain(match[1]), set()).add(match[2])
    return found


def wanted(file: str) -> dict[str, str]:
    """Name to version (or nothing) of the lines of a requirements*.in."""
    text = re.sub(r"#.*", "", (ROOT / file).read_text())
    words = [line.partition(";")[0].strip() for line in text.splitlines()]
    parts = [re.sub(r"\[[^\]]*\]", "", word).partition("==") for word in words if word and not word.startswith("-")]
    return {_plain(name): version for name, _, version in parts}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_pinned_and_hashed(file: str) -> None:
    """Nothing is installed whose bytes were not seen when the file was compiled."""
    assert pins(file)
    text = (ROOT / file).read_text()
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.partition("\n")[2])[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


@pytest.mark.parametrize("file", FILES)
def test_everything_asked_for_is_there(file: str) -> None:
    """Each name of the .in file is in the compiled one, at the version asked for."""
    compiled = pins(file)
    for name, version in wanted(file.replace(".txt", ".in")).items():
        assert name in compiled, f"{name} is not in {file}: run `make lock`"
        assert not version or compiled[name] == {version}, f"{name} is not at {version} in {file}: run `make lock`"


def test_what_the_user_named_is_in_the_requirements() -> None:
    """The packages the project was asked to be built on are in its main file."""
    assert set(NAMED_BY_THE_USER) <= set(pins("requirements.txt"))


def test_both_files_agree() -> None:
    """What is in both is the same in both: installing the second changes nothing of the first."""
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: run[name] for name in run.keys() & dev.keys()} == {
        name: dev[name] for name in run.keys() & dev.keys()
    }


def test_what_is_installed_is_what_is_pinned() -> None:
    """The tests run on the versions that users get."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installed = {_plain(name): version for name, _, version in (line.partition("==") for line in listed.splitlines())}
    wrong = {
        name: installed[name]
        for name, versions in pins("requirements.txt").items()
        if name in installed and installed[name] not in versions
    }
    assert wrong == {}


def test_ci_runs_the_tests_and_nothing_else() -> None:
    """`.ci/run` can be run and calls `make test`."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines()[1:] if not line.startswith(("set ", "cd "))]
    assert commands == ["exec make test </dev/null"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the two commands in it, and requirements that ask for nothing."""
    folder = tmp_path / "checkout"
    for part in ("scripts/install.py", "Makefile"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    for name in FILES:
        (folder / name).write_text("# nothing\n")
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make` as a person calls it, out of reach of the make that may run these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_installing_happens_once_and_again_when_a_file_changed(checkout: Path) -> None:
    """The first run installs, the second does not, a changed requirements file does, a venv without Python does."""
    first = make(checkout, ".venv/installed-run", f"PYTHON={sys.executable}")
    assert "Installed requirements.txt" in first.stdout, first.stderr
    assert "up to date" in make(checkout, ".venv/installed-run").stdout
    requirements = checkout / "requirements.txt"
    newer = (checkout / ".venv" / "installed-run").stat().st_mtime + 5
    os.utime(requirements, (newer, newer))
    assert "Installed requirements.txt" in make(checkout, ".venv/installed-run").stdout
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    os.utime(requirements, (0, 0))
    again = make(checkout, ".venv/installed-run", f"PYTHON={sys.executable}")
    assert "Making .venv" in again.stdout
    assert "Installed requirements.txt" in again.stdout


def test_an_install_that_fails_leaves_no_stamp(checkout: Path) -> None:
    """A package without a hash is refused; the next run tries again. Without the local model it goes on."""
    (checkout / "requirements-local.txt").write_text("no-hash-here==1.0\n")
    done = make(checkout, ".venv/installed-run", f"PYTHON={sys.executable}")
    assert done.returncode == 0
    assert "starts without the local model" in done.stderr
    (checkout / "requirements.txt").write_text("no-hash-here==1.0\n")
    os.utime(checkout / "requirements.txt", (2**31, 2**31))
    done = make(checkout, ".venv/installed-run")
    assert done.returncode != 0
    assert "requirements.txt could not be installed" in done.stderr
    assert not (checkout / ".venv" / "installed-run").exists()


def test_a_missing_python_gets_a_sentence(checkout: Path) -> None:
    """A Python that is not there, or too old, is named, with what to do."""
    old = checkout / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in ("/nowhere/python3", str(old)):
        done = make(checkout, "run", f"PYTHON={python}")
        assert done.returncode != 0
        assert f"No Python 3.11 or newer was found as: {python}. Install one" in done.stderr
    assert not (checkout / ".venv").exists()


def test_help_lists_every_command() -> None:
    """What a person may call is in `make help`."""
    told = make(ROOT, "help").stdout
    for name in ("run", "test", "test-long", "lint", "bench", "screenshots", "lock", "help"):
        assert re.search(rf"^  make {name} ", told, re.MULTILINE), told
