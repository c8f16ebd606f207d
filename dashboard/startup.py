"""What happens once, when the server starts: the log, the checks at the door, the Conductor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conductor_core import logs
from conductor_core.bridge import Bridge
from conductor_core.conductor import Conductor
from conductor_core.net.listening import is_private, keep_to_this_process, listening_addresses, listening_url
from conductor_core.redaction import Redactor
from conductor_core.settings import Environment, Settings
from dashboard import runtime
from dashboard.guard import Policy, admit

QUIET_SECONDS = 3.0


def load_policy() -> Policy:
    """The door of this process; the first thing that runs, so the log is set up here too.

    Raises:
        SettingsError: a setting can't be read, or the server must not start like this.
    """
    environment = Environment.read()
    redactor = Redactor()
    redactor.learn_environment(environment.merged())
    configure_log(redactor)
    settings = Settings.load(environment)
    return admit(settings, listening_addresses())


@asynccontextmanager
async def serve_conductor() -> AsyncIterator[None]:
    """Opens the Conductor on this loop, hands it to the pages, and closes it when the server stops."""
    private = all(map(is_private, listening_addresses()))
    keep_to_this_process()
    conductor = await Conductor.open(private=private)
    configure_log(conductor.redactor)  # it also learns the keys entered later
    runtime.install(Bridge(conductor, asyncio.get_running_loop()))
    preparing = asyncio.create_task(_prepare(conductor))
    print(welcome(listening_url(), private), flush=True)
    try:
        yield
    finally:
        preparing.cancel()
        runtime.install(None)
        await conductor.close()


def welcome(url: str | None, private: bool) -> str:
    """The one line in the terminal of a server that is ready."""
    place = f"at {url}" if url else "running"
    others = "" if private else ", and for others under this machine's name, who are asked for the password"
    return f"Conductor is {place}{others}. Ctrl-C ends it; what was answered so far is saved."


async def _prepare(conductor: Conductor) -> None:
    """Leaves the first page its time, then loads what the first answer would wait for."""
    await asyncio.sleep(QUIET_SECONDS)
    await conductor.prepare()


def configure_log(redactor: Redactor) -> None:
    """One redacted JSON line per record, Streamlit's and the server's included."""
    import streamlit.logger

    logs.configure(redactor)
    logs.catch_uncaught()
    # Streamlit gives each of its loggers a handler of its own, whenever a module of it is first imported and again
    # when its configuration changes; those would print exceptions as they are.
    streamlit.logger.setup_formatter = logs.capture
