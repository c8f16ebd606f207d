"""What is loaded when: an import that creeps in costs every start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.isolation import ROOT

FOREIGN_TO_THE_CORE = ("streamlit", "google.generativeai", "google.genai", "openai", "anthropic", "pandas", "plotly")
LATE = (
    "google.generativeai",
    "google.ai",
    "pandas",
    "plotly.graph_objs._figure",
    "genai_prices",
    "alembic",
    "xllamacpp",
    "scipy",
)
"""Of plotly its figures: Streamlit itself imports the name, to lend it a theme."""

EVERY_MODULE = """
import importlib, pkgutil, conductor_core
for module in pkgutil.walk_packages(conductor_core.__path__, "conductor_core."):
    # Alembic alone runs the migrations, inside a context it has made; the local model's server runs in its own process.
    if not module.name.startswith(("conductor_core.store.migrations.", "conductor_core.providers.local_server")):
        importlib.import_module(module.name)
"""


def loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of `names` a fresh Python has loaded after running `code`."""
    told = f"{code}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_core_knows_neither_streamlit_nor_an_sdk() -> None:
    """Importing every module of the core loads no Streamlit, no vendor's SDK, no pandas and no plotly."""
    assert loaded(EVERY_MODULE, FOREIGN_TO_THE_CORE) == []


def test_the_server_starts_without_the_heavy_ones() -> None:
    """Importing the application loads no SDK, no pandas, no plotly figures, no price table and no migrations."""
    assert loaded("import dashboard.app", LATE) == []


@pytest.mark.parametrize("name", ["pandas", "plotly.graph_objs._figure"])
def test_what_is_counted_can_be_seen(name: str) -> None:
    """A library that is loaded is reported, so that an empty list means something."""
    assert loaded(f"import {name}", (name,)) == [name]
