"""A key that an upstream gives back in its error is nowhere: not in the log, the page, a row or a title."""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from streamlit.testing.v1 import AppTest

from conductor_core import logs
from conductor_core.bridge import Bridge
from conductor_core.settings import Environment, Origin
from conductor_core.turns import LaneSetup
from dashboard import runtime
from tests.serving import ROOT

CANARY = "canary/7f3e+b21c09d4a5e6"
FORMS = (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode(), json.dumps(CANARY))
# Enough of any form to know it by.
TRACES = ("canary/7f3e", "canary%2F7f3e", "b21c09d4", FORMS[2][:16])


@contextmanager
def _telltale() -> Iterator[str]:
    """An OpenAI-compatible server that answers 401 with the key it was sent, in every form."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = "Incorrect API key provided: " + ", ".join([*FORMS, self.headers["authorization"]])
            body = json.dumps({"error": {"message": message, "code": "invalid_api_key"}}).encode()
            self.send_response(401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _environment(home: Path, url: str) -> Environment:
    found = {"CONDUCTOR_HOME": str(home), "OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": url}
    return Environment({Origin.RUN: {}, Origin.ENVIRONMENT: found, Origin.PROJECT: {}, Origin.HOME: {}})


def _log_of(bridge: Bridge) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(bridge.conductor.redactor, stream)
    return stream


def test_a_key_an_upstream_echoes_is_nowhere(tmp_path: Path) -> None:
    """In the answer's page, the call's row, the conversation's title, and the log of a failure that quotes it."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    with _telltale() as url:
        bridge = Bridge.in_thread(_environment(tmp_path, url))
        runtime.install(bridge)
        try:
            log = _log_of(bridge)
            conversations = bridge.conductor.conversations
            turn = bridge.run(
                conversations.start_turn(f"is {CANARY} a key?", [LaneSetup(provider="openai", model="m")])
            )
            bridge.run(turn.wait())
            call = bridge.conductor.store.recent_calls(1)[0]
            logging.getLogger("conductor").error("upstream said %s", CANARY, exc_info=RuntimeError(CANARY))
            page = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=30)
            page.query_params["c"] = turn.conversation_id
            page.run()
            titles = [found.title for found in bridge.conductor.store.conversations("chat")]
        finally:
            runtime.close()
            logging.getLogger().handlers[:], logging.getLogger().level = handlers, level
            logging.captureWarnings(False)
    assert call.outcome == "auth"
    assert not page.exception
    assert page.error
    shown = " ".join(str(element.value) for element in [*page.error, *page.caption, *page.code])
    for trace in TRACES:
        assert trace not in log.getvalue()
        assert trace not in repr(call)
        assert trace not in shown
        assert trace not in " ".join(titles)
