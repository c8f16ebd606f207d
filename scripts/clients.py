"""Installs the clients that tests/clients points at Conductor, into a venv of their own: what they need is not ours.

python -m scripts.clients       installs what is missing, or says what is in the way

Python's are pinned in requirements-clients.txt, JavaScript's in tests/clients/node. Where there is no node, Debian's is
installed where that is allowed; without it the tests that need it say so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import debian

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-clients"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
NODE_FOLDER = VENV / "node"
REQUIREMENTS = ROOT / "requirements-clients.txt"
NODE_FILES = (ROOT / "tests/clients/node/package.json", ROOT / "tests/clients/node/package-lock.json")
STAMP = VENV / "installed"
NO_NODE = "node and npm are not installed; on Debian and Ubuntu: sudo apt install nodejs npm"


def program(name: str) -> str:
    """The path of a program that Python's clients bring."""
    return str(PYTHON.with_name(name))


def has_node() -> bool:
    """Whether JavaScript's clients can be run."""
    return shutil.which("node") is not None and (NODE_FOLDER / "node_modules").is_dir()


def main() -> int:
    """Installs what is missing or out of date; returns the exit code."""
    if STAMP.exists() and STAMP.read_text() == _wanted():
        return 0
    STAMP.unlink(missing_ok=True)
    if not _install_python():
        print("The clients for tests/clients could not be installed; pip says why above.", file=sys.stderr)
        return 1
    if not _install_node():
        print(f"JavaScript's client is not tested: {NO_NODE}.", file=sys.stderr)
    STAMP.write_text(_wanted())
    return 0


def _install_python() -> bool:
    print("Installing requirements-clients.txt", flush=True)
    if not PYTHON.exists():
        made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=False)
        if made.returncode:
            return False
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "-qq", "--disable-pip-version-check"]
    return subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], check=False).returncode == 0


def _install_node() -> bool:
    if not shutil.which("npm") and not debian.install("npm", "node and npm for the tests of JavaScript's client"):
        return False
    npm = shutil.which("npm")
    if npm is None:
        return False
    NODE_FOLDER.mkdir(exist_ok=True)
    for file in NODE_FILES:
        shutil.copy(file, NODE_FOLDER)
    command = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    return subprocess.run(command, cwd=NODE_FOLDER, check=False).returncode == 0


def _wanted() -> str:
    """What the pinned files say, in short; and whether there is node, since it may come later."""
    files = b"".join(file.read_bytes() for file in (REQUIREMENTS, *NODE_FILES))
    return f"{hashlib.sha256(files).hexdigest()} {shutil.which('node') is not None}"


if __name__ == "__main__":
    sys.exit(main())
