"""The child process of the local model, run for real: how it starts, refuses, is locked, and ends."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from conductor_core.providers import local_server
from conductor_core.providers.local_models import Installation, LocalModel
from conductor_core.providers.local_process import LocalProcess, ModelStopped

PARENT = """
import asyncio
from conductor_core.providers.local_models import Installation
from conductor_core.providers.local_process import LocalProcess

async def main():
    process = await LocalProcess.start(Installation.here().models([])[0], threads=1)
    print(process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def model() -> LocalModel:
    return Installation.here().models([])[0]


@pytest_asyncio.fixture
async def process(model: LocalModel) -> AsyncIterator[LocalProcess]:
    started = await LocalProcess.start(model, threads=1)
    yield started
    await started.close()


def ends(pidfd: int, seconds: float) -> bool:
    """Whether a process that is no child of ours ends in time."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


async def test_port_is_locked(process: LocalProcess) -> None:
    """Without this process's own key the port answers 401, and the key is in neither arguments nor environment."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{process.address}/v1/chat/completions", json={"messages": []}) as answer:
            assert answer.status == 401
        headers = {"Authorization": f"Bearer {process.key.reveal()}"}
        async with session.get(f"{process.address}/v1/models", headers=headers) as answer:
            assert answer.status == 200
    for public in ("cmdline", "environ"):
        assert process.key.reveal().encode() not in Path(f"/proc/{process.pid}/{public}").read_bytes()


async def test_child_gets_no_keys(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendors' keys in our environment are not handed to the child."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-of-the-environment")
    process = await LocalProcess.start(model, threads=1)
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    await process.close()
    assert b"canary" not in environment
    assert b"PATH=" in environment


async def test_engine_that_can_not_be_imported(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An engine that is installed but does not fit the system is a reason in words."""
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libstdc++ is too old')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModelStopped, match=r"xllamacpp does not run on this system \(libstdc\+\+ is too old\)"):
        await LocalProcess.start(model, threads=1)


async def test_control_tokens_become_text(process: LocalProcess) -> None:
    """Every control token of the vocabulary, made inert, is read as plain text, and other text is left as it is."""
    vocabulary = local_server.read_metadata(Installation.here().models([])[0].path)
    tokens = local_server.special_tokens(vocabulary)
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>", "<filename>"} <= set(tokens)
    raw = "a".join(tokens)
    ids = {position for position, kind in enumerate(vocabulary["tokenizer.ggml.token_type"]) if kind in (2, 3)}
    assert ids & set(await tokenized(process, raw))
    assert not ids & set(await tokenized(process, process.made_inert(raw)))
    assert process.made_inert("plain <b>text</b> <|x|>") == "plain <b>text</b> <|x|>"


async def tokenized(process: LocalProcess, text: str) -> list[int]:
    headers = {"Authorization": f"Bearer {process.key.reveal()}"}
    body = {"content": text, "parse_special": True}
    url = f"{process.address}/tokenize"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        tokens: list[int] = (await answer.json())["tokens"]
    return tokens


async def test_close_ends_the_child(model: LocalModel) -> None:
    """Closing its stdin is enough: the child ends by itself, with code 0."""
    process = await LocalProcess.start(model, threads=1)
    await process.close()
    assert not process.alive
    assert process.cause == "it ended with code 0"


async def test_child_ends_with_a_killed_parent() -> None:
    """A parent killed with SIGKILL leaves no orphan behind."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    ended = await asyncio.to_thread(ends, child, 10)
    os.close(child)
    assert ended


async def test_child_ends_while_it_loads(model: LocalModel) -> None:
    """Its stdin closed in the middle of loading ends the child as well; it never announces itself."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", local_server.__file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    job = {"path": str(model.path), "alias": "m", "key": "k", "threads": 1, "template": "", "sampling": {}}
    output, _ = await child.communicate(json.dumps({**job, "sha256": model.sha256}).encode() + b"\n")
    assert (output, child.returncode) == (b"", 0)


async def test_interrupt_is_for_the_parent(process: LocalProcess) -> None:
    """Ctrl-C, which a terminal sends to every process of the group, does not end the child."""
    os.kill(process.pid, signal.SIGINT)
    assert not await process.ended(within=0.5)


async def test_kill_is_told_from_other_ends(process: LocalProcess) -> None:
    """A killed child is noticed, with the likely cause, and when."""
    os.kill(process.pid, signal.SIGKILL)
    assert await process.ended(within=5)
    assert process.cause == "killed, out of memory?"


async def test_another_file_under_the_pinned_name_is_refused(model: LocalModel, tmp_path: Path) -> None:
    """The embedded model is loaded only from the file that was published."""
    changed = tmp_path / "changed.gguf"
    weights = bytearray(model.path.read_bytes())
    weights[-1] ^= 1
    changed.write_bytes(weights)
    with pytest.raises(ModelStopped, match=r"not the one that was published \(SHA-256 differs\)"):
        await LocalProcess.start(replace(model, path=changed), threads=1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "the file can't be read: No such file or directory"),
        (b"", "the file is cut off or damaged"),
        (b"\x80\x04pickled, not GGUF, and long enough", "it is not a GGUF file of version 2 or 3"),
        (b"GGUF\x03\0\0\0" + bytes(8) + b"\xff" * 8, "the file is cut off or damaged"),
        (b"GGUF\x03\0\0\0" + bytes(16), "."),
    ],
)
async def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    """What is not a whole GGUF file is a reason in words; no child stays behind."""
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelStopped, match=why):
        await LocalProcess.start(LocalModel("broken", path), threads=1)


async def test_a_file_cut_off_in_its_weights_is_refused(model: LocalModel, tmp_path: Path) -> None:
    """A half downloaded model is refused in the engine's own words."""
    path = tmp_path / "half.gguf"
    path.write_bytes(model.path.read_bytes()[:50_000_000])
    with pytest.raises(ModelStopped, match="model is corrupted or incomplete"):
        await LocalProcess.start(LocalModel("half", path), threads=1)
