"""`deploy/nginx.conf` in front of the real server: what a visitor and a program send arrives as it should."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.api.door import HELLO, TOKEN
from tests.installation import environment_for
from tests.isolation import ROOT
from tests.serving import Served, free_port, serving, streamlit_run
from tests.upstream import Upstream

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
HOST = "chat.example.org"
CONF = (ROOT / "deploy" / "nginx.conf").read_text()
LOCATIONS = re.findall(r"location [^{]+\{(.*?)\n        \}", CONF, re.DOTALL)


def test_every_location_says_who_asks_for_what() -> None:
    """A location that sets one header takes over none from outside of it."""
    assert len(LOCATIONS) == 2
    for location in LOCATIONS:
        assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto"} <= set(re.findall(r"proxy_set_header (\S+)", location))


@contextmanager
def proxied(served: Served, folder: Path) -> Iterator[str]:
    """The address of an nginx in front of a server."""
    assert NGINX
    port = free_port()
    conf = CONF.replace("conductor:8501", f"127.0.0.1:{served.port}").replace("listen 8080", f"listen 127.0.0.1:{port}")
    own = "".join(f"    {kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = folder / "nginx.conf"
    file.write_text(conf.replace("http {\n", f"http {{\n    access_log off;\n{own}"))
    command = f"{NGINX} -c {file} -p {folder} -e {folder}/error.log -g".split()
    with subprocess.Popen([*command, f"daemon off; pid {folder}/pid;"]) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed; on Debian and Ubuntu: sudo apt install nginx-light")
async def test_pages_and_programs_come_through(tmp_path: Path) -> None:
    """Under the name people use and no other; the pages' WebSocket opens, and a stream comes piece by piece."""
    port, home = free_port(), tmp_path / "home"
    async with Upstream() as upstream:
        variables = environment_for(home, upstream, CONDUCTOR_API_KEY=TOKEN, CONDUCTOR_ALLOWED_HOSTS=HOST).merged()
        with serving(streamlit_run(port), port, home, **variables) as served, proxied(served, tmp_path) as url:
            headers = {"host": HOST}
            async with aiohttp.ClientSession(url, headers=headers) as session:
                assert await until_it_answers(session, "/") == 200
                assert (await session.get("/", headers={"host": "rebind.example"})).status == 400
                async with session.ws_connect(
                    "/_stcore/stream", origin=f"http://{HOST}", protocols=("streamlit",)
                ) as page:
                    assert not page.closed
                bearer = {"authorization": f"Bearer {TOKEN}"}
                body = HELLO | {"stream": True, "model": "any-words-3-stall-2"}
                async with session.post("/api/chat", json=body, headers=bearer) as answer:
                    assert answer.status == 200
                    first = await asyncio.wait_for(answer.content.readline(), 20)
                assert first == b"event: chunk\n"


async def until_it_answers(session: aiohttp.ClientSession, path: str) -> int:
    """The status of an answer, once there is one."""
    while True:
        try:
            async with session.get(path) as answer:
                return answer.status
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.02)
