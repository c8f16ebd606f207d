"""The real server in a process of its own, started every way people start it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving import free_port, refused_start, serving, streamlit_run, uvicorn

NO_PASSWORD = "no password is set. Set CONDUCTOR_PASSWORD"


def test_make_run_serves_behind_the_guard(tmp_path: Path) -> None:
    """Streamlit finds the application, the page carries our headers, a foreign host gets 400, the log is quiet."""
    port = free_port()
    with serving(streamlit_run(port), port, tmp_path / "home") as served:
        page = httpx.get(served.url)
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert httpx.get(served.url, headers={"Host": f"evil.example:{port}"}).status_code == 400
        assert httpx.get(f"{served.url}/_stcore/host-config").json()["allowedOrigins"] == []
    assert served.log.read_text().startswith(f"Conductor is at {served.url}. Ctrl-C ends it")
    assert len(served.log.read_text().splitlines()) == 1


def test_no_child_gets_the_port(tmp_path: Path) -> None:
    """The listening socket is this process's alone: a child that outlives it would keep the port."""
    port = free_port()
    with serving(streamlit_run(port), port, tmp_path / "home") as served:
        open_files = Path(f"/proc/{served.process.pid}/fd")
        if not open_files.exists():
            pytest.skip("only Linux tells which sockets a process holds")
        sockets = {os.readlink(file): file.name for file in open_files.iterdir()}
        name = sockets[f"socket:[{listening_inode(port)}]"]
        flags = (open_files.parent / "fdinfo" / name).read_text().partition("flags:")[2].split()[0]
        assert int(flags, 8) & os.O_CLOEXEC


def listening_inode(port: int) -> str:
    """The inode of the socket that listens on a port of 127.0.0.1, from Linux's own table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return next(row[9] for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == "0A")


def test_with_a_password_it_may_listen_everywhere(tmp_path: Path) -> None:
    """The password is asked for, and the secret of its sessions is for the owner only."""
    port = free_port()
    home = tmp_path / "home"
    command = uvicorn(port, "--host", "0.0.0.0")
    with serving(command, port, home, CONDUCTOR_PASSWORD="open sesame") as served:
        page = httpx.get(served.url, headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2F")
        assert stat.S_IMODE((home / "session.key").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    log = served.log.read_text()
    assert "open sesame" not in log
    assert f"Conductor is at http://127.0.0.1:{port}, and for others" in log


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (streamlit_run(0, "--server.address", "0.0.0.0"), {}),
        (streamlit_run(0, "--server.address", ""), {}),
        (streamlit_run(0), {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}),
        (streamlit_run(0), {"CONDUCTOR_HOST": "0.0.0.0"}),
        (uvicorn(0, "--host", "0.0.0.0"), {}),
        (uvicorn(0), {"UVICORN_HOST": "0.0.0.0"}),
    ],
    ids=lambda value: " ".join(value[3:]) if isinstance(value, list) else ",".join(value),
)
def test_another_address_without_a_password_is_refused(
    command: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    """Whichever flag, file or variable asks for it, the process ends with the sentence and serves nothing."""
    code, output = refused_start(command, tmp_path / "home", **variables)
    assert code == 3
    assert NO_PASSWORD in output
    assert "Traceback" not in output


def test_make_run_says_it_in_one_sentence(tmp_path: Path) -> None:
    """It is refused before the server starts: no log, no word of an address it will not serve."""
    code, output = refused_start([sys.executable, "-m", "dashboard"], tmp_path / "home", CONDUCTOR_HOST="0.0.0.0")
    assert code == 1
    assert output.startswith("Conductor would listen on 0.0.0.0, where others can reach it")
    assert len(output.splitlines()) == 1


def test_an_unsafe_option_is_refused_by_name(tmp_path: Path) -> None:
    """What would show keys to whoever sees the page ends the start, naming the option."""
    code, output = refused_start(streamlit_run(0, "--client.showErrorDetails", "full"), tmp_path / "home")
    assert code == 3
    assert "Streamlit's option client.showErrorDetails is 'full'" in output


def test_a_setting_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """The variable, its place and its bound; no traceback."""
    code, output = refused_start(uvicorn(0), tmp_path / "home", CONDUCTOR_PORT="many")
    assert code == 3
    assert "CONDUCTOR_PORT" in output
    assert "Traceback" not in output


def test_a_second_process_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """It names the first and leaves the data to it."""
    port, home = free_port(), tmp_path / "home"
    with serving(uvicorn(port), port, home) as served:
        code, output = refused_start(uvicorn(0), home)
        assert httpx.get(served.url).status_code == 200
    assert code == 3
    assert f"process {served.process.pid}" in output
    assert "Traceback" not in output
