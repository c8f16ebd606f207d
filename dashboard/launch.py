"""Starts the server at the address of the settings, after a look whether it is free.

`streamlit run` takes the address from flags and from its own file; here `CONDUCTOR_HOST` and `CONDUCTOR_PORT` decide,
from the environment or a `.env`. Everything else is as with `python -m streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from conductor_core.errors import SettingsError
from conductor_core.net.listening import check_addresses
from conductor_core.redaction import Redactor
from conductor_core.settings import Environment, Settings
from dashboard.port_owner import Owner, find_owner

APP = Path(__file__).with_name("app.py")


def main() -> None:
    """Serves until it is told to stop; a start that can't succeed ends with a sentence and exit code 1."""
    try:
        settings = Settings.load(Environment.read())
        check_addresses(settings, [settings.host])
        check_free(settings.host, settings.port)
    except SettingsError as error:
        sys.exit(str(error))
    # In this process, not a new one: what the settings loaded is loaded already.
    import click
    from streamlit.web import cli

    sys.argv = [
        "streamlit",
        "run",
        str(APP),
        f"--server.address={settings.host}",
        f"--server.port={settings.port}",
    ]
    # click would print "Aborted!" and fail when Ctrl-C has ended the server in good order.
    with suppress(click.Abort, KeyboardInterrupt):
        cli.main(prog_name="streamlit", standalone_mode=False)


def check_free(host: str, port: int) -> None:
    """Tries the address as the server will.

    Raises:
        SettingsError: it is taken (by whom, where the system tells), not of this machine, or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name != "nt":
                # Connections of a server that has just ended do not count; on Windows the option means something else.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingsError(refusal(error, host, port)) from error


def refusal(error: OSError, host: str, port: int) -> str:
    """Why the server can't listen there, and what to do, as one sentence or two."""
    if error.errno == errno.EADDRINUSE:
        owner = find_owner(port)
        return f"Port {port} is taken by {_named(owner)}. {_way_out(owner, host, port)}"
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system. Choose one above 1023: make run PORT=8501"
    return f"Conductor can't listen on {host}: it is not an address of this machine. Correct CONDUCTOR_HOST or HOST=."


def _named(owner: Owner | None) -> str:
    if owner is None:
        return "another program (this system does not say which)"
    return f"process {owner.pid} ({Redactor().clean(owner.command)[:120]})"


def _way_out(owner: Owner | None, host: str, port: int) -> str:
    other = f"Choose another: make run PORT={port + 1 if port < 65535 else 8501}"
    if owner is not None and owner.is_conductor:
        return f"That is Conductor itself: open http://{host}:{port}, or stop it first. {other}"
    return other
