"""Finds the PostgreSQL server that the store's tests start, and installs Debian's where that is allowed.

python -m scripts.postgres       makes sure there is one, or says what to install
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from scripts import debian

NEEDED = ("initdb", "pg_ctl", "postgres")
MISSING = (
    "The store's tests need a PostgreSQL server and none was found. Install it, on Debian and Ubuntu with: "
    "sudo apt install postgresql. Or name the folder of its programs: POSTGRES_BIN=/path/to/bin make test"
)


def find() -> Path | None:
    """The folder of a server's programs: `$POSTGRES_BIN`, or Debian's newest, or where the path leads."""
    named = os.environ.get("POSTGRES_BIN")
    if named:
        return Path(named) if _complete(Path(named)) else None
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    on_path = [Path(path).resolve().parent for path in [shutil.which("pg_ctl")] if path]
    return next(filter(_complete, [*debian, *on_path]), None)


def programs() -> Path:
    """That folder.

    Raises:
        RuntimeError: there is none; the sentence says what to install.
    """
    folder = find()
    if folder is None:
        raise RuntimeError(MISSING)
    return folder


def main() -> int:
    """Installs the server when it is missing; returns the exit code."""
    if find() is None and not install():
        print(MISSING, file=sys.stderr)
        return 1
    return 0


def install() -> bool:
    """Installs the server unless `$POSTGRES_BIN` names one. Whether there is one now."""
    return (
        not os.environ.get("POSTGRES_BIN")
        and debian.install("postgresql", "PostgreSQL for the store's tests")
        and find() is not None
    )


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


if __name__ == "__main__":
    sys.exit(main())
