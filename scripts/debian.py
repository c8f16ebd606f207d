"""Debian's packages, for what the tests need and pip can't bring."""

from __future__ import annotations

import os
import shutil
import subprocess


def install(package: str, what_for: str) -> bool:
    """Asks apt-get for a package, as root or where sudo needs no password.

    Args:
        what_for: said while it goes on, as in "Chromium for the browser tests".

    Returns:
        Whether it did as asked; False where it may not, or there is no apt-get.
    """
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if rights and (not shutil.which("sudo") or subprocess.run([*rights, "true"], check=False).returncode):
        return False
    print(f"Installing {what_for}", flush=True)
    for words in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", package]):
        command = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", apt, *words]
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode:
            return False
    return True
