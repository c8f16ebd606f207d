"""Finds the Chromium that the browser tests and the screenshots drive, and installs Debian's where that is allowed.

python -m scripts.browser       makes sure there is one, or says what to install
"""

from __future__ import annotations

import os
import shutil
import sys

from scripts import debian

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "The browser tests need Chromium and none was found. Install it, on Debian and Ubuntu with: "
    "sudo apt install chromium. Or name one: CHROMIUM=/path/to/chrome make test"
)


def find() -> str | None:
    """The path of a Chromium: `$CHROMIUM`, or one under its usual names."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


def executable() -> str:
    """The path of that Chromium.

    Raises:
        RuntimeError: there is none; the sentence says what to install.
    """
    path = find()
    if path is None:
        raise RuntimeError(MISSING)
    return path


def launch_arguments() -> list[str]:
    """Command-line flags: nothing of its own over the network, and a sandbox wherever there can be one."""
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # Chromium refuses to start its sandbox as root.
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*quiet, "--no-first-run", *(["--no-sandbox"] if as_root else [])]


def main() -> int:
    """Installs Chromium when it is missing; returns the exit code."""
    if find() is None and not install():
        print(MISSING, file=sys.stderr)
        return 1
    return 0


def install() -> bool:
    """Installs Chromium unless `$CHROMIUM` names one. Whether there is one now."""
    return (
        not os.environ.get("CHROMIUM")
        and debian.install("chromium", "Chromium for the browser tests")
        and find() is not None
    )


if __name__ == "__main__":
    sys.exit(main())
