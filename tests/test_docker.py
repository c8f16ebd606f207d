"""The container's files: well made, complete, and in step with the settings."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import yaml

from conductor_core.settings import PREFIX, Settings
from tests.isolation import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def copied() -> list[str]:
    """What the build takes from the folder."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_the_dockerfile_is_well_made() -> None:
    """By the rules of hadolint: pinned base, no cache left behind, nothing deprecated."""
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    found = subprocess.run(
        [hadolint, "--strict-labels", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_only_what_is_copied_goes_into_the_build() -> None:
    """The list of exceptions is exactly that, and all of it exists: neither keys nor tests can slip in."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied())
    assert all((ROOT / name).exists() for name in copied())
    assert {"**/.env", "**/secrets.toml"} <= set(lines)


def test_it_runs_as_nobody_who_matters() -> None:
    """Not as root, with a place to write that is its own."""
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == re.findall(r"--uid (\d+)", DOCKERFILE) != ["0"]
    app = COMPOSE["services"]["conductor"]
    assert app["read_only"]
    assert app["cap_drop"] == ["ALL"]


def test_every_variable_is_a_setting() -> None:
    """A misspelt one would be refused at start."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", DOCKERFILE)) | set(COMPOSE["services"]["conductor"]["environment"])
    assert {name for name in named if name.startswith(PREFIX)} <= known
