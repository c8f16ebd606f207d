"""One child process with one model loaded: started, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
import time
from collections import deque

from conductor_core.providers import local_server
from conductor_core.providers.local_models import LocalModel
from conductor_core.providers.local_server import Job
from conductor_core.secret import Secret

LOAD_TIMEOUT = 120.0
"""Seconds a model may take to load: a large file from a slow disk, not a hang."""

_WORD_JOINER = "\u2060"
_END_TIMEOUT = 2.0
_LINE_LIMIT = 16 * 1024 * 1024  # a vocabulary may have thousands of control tokens
_PRIVATE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|DATABASE_URL")
_CAUSE = re.compile(r"error loading model: (.+)")


class ModelStopped(Exception):
    """The child could not serve the model, or is gone. `str()` is a clause: why."""


class LocalProcess:
    """A model being served on a loopback port behind a key of its own.

    Attributes:
        address: `http://127.0.0.1:<port>`.
        key: what the port asks for, made for this process alone.
        window: tokens of prompt and answer together.
        ended_at: when it ended (monotonic seconds); None while it runs.
    """

    def __init__(self, process: asyncio.subprocess.Process, key: Secret) -> None:
        self._process = process
        self._last_words: deque[str] = deque(maxlen=20)
        self._reading = asyncio.create_task(self._read_stderr())
        self._ending = False
        self.key = key
        self.address = ""
        self.window = local_server.WINDOW
        self._special: re.Pattern[str] | None = None
        self.ended_at: float | None = None

    @classmethod
    async def start(cls, model: LocalModel, threads: int) -> LocalProcess:
        """A child that has the model loaded: 0.2 to 0.7 s for the embedded one.

        Raises:
            ModelStopped: it died, refused the file or took too long.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", local_server.__file__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            env={name: value for name, value in os.environ.items() if not _PRIVATE.search(name.upper())},
        )
        started = cls(process, Secret(secrets.token_hex(16)))
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(started.close)
            try:
                async with asyncio.timeout(LOAD_TIMEOUT):
                    await started._load(model, threads)
            except TimeoutError:
                raise ModelStopped(f"it did not load within {LOAD_TIMEOUT:.0f} seconds") from None
            undo.pop_all()
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._ending

    async def ended(self, within: float) -> bool:
        """Whether the child is gone, or goes in the next `within` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), within)
        return not self.alive

    @property
    def cause(self) -> str:
        """Why it ended, as far as the system and its last words tell."""
        code = self._process.returncode
        if code is not None and -code == getattr(signal, "SIGKILL", None):
            return "killed, out of memory?"
        if code is not None and code < 0:
            return f"crashed: {signal.strsignal(-code)}"
        return self._complaint or f"it ended with code {code}"

    @property
    def _complaint(self) -> str:
        """What the engine found wrong with the file, in its own words."""
        return next((found[1] for line in self._last_words if (found := _CAUSE.search(line))), "")

    @property
    def last_words(self) -> str:
        """The last 20 lines it wrote on stderr."""
        return "\n".join(self._last_words)

    def made_inert(self, text: str) -> str:
        """`text` with an invisible character inside everything the model would take for a control token."""
        return self._special.sub(f"\\1{_WORD_JOINER}", text) if self._special else text

    async def close(self) -> None:
        """Ends the child: by closing its stdin, or by force after two seconds."""
        self._ending = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not await self._gone():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reading

    async def _gone(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _END_TIMEOUT)
        return self._process.returncode is not None

    async def _load(self, model: LocalModel, threads: int) -> None:
        job: Job = {
            "path": str(model.path.absolute()),
            "alias": model.name,
            "key": self.key.reveal(),
            "threads": threads,
            "sha256": model.sha256,
            "template": model.template,
            "sampling": model.sampling,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it is dead already: the empty answer says so
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            await self._process.stdin.drain()
        answer = await self._process.stdout.readline()
        if not answer:
            await self._process.wait()
            await self._reading
            raise ModelStopped(self.cause)
        await self._accept(json.loads(answer))

    async def _accept(self, answer: dict[str, object]) -> None:
        if error := answer.get("error"):
            await self._process.wait()
            await self._reading
            raise ModelStopped(self._complaint or str(error))
        address, window, special = answer["address"], answer["window"], answer["special"]
        assert isinstance(address, str)
        assert isinstance(window, int)
        assert isinstance(special, list)
        self.address, self.window = address, window
        if special:
            self._special = re.compile(f"(?=(?:{'|'.join(map(re.escape, special))}))(.)", re.DOTALL)

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self._last_words.append(line.decode(errors="replace").rstrip()[:300])
        await self._process.wait()
        self.ended_at = time.monotonic()
