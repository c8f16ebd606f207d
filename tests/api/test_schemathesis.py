"""Whatever the OpenAPI document allows, and much that it forbids, tried on the running API.

Schemathesis makes requests up from `/api/openapi.json`, good ones and bad ones, one by one and as sequences, and holds
every answer against the document: no 5xx, no status, header or body that is not in it, nothing bad let through.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from conductor_core.api import cursor
from conductor_core.keys.key import Scope, Wish
from conductor_core.providers.local_models import Installation
from conductor_core.turns import LaneSetup
from tests.api.door import opened

CONFIGURATION = """
[parameters]
"query.cursor" = "{cursor}"
"path.conversation_id" = "{conversation}"

# What the document can't say: a message of white space only, a model with two dots, a key for a stream, a provider
# that is not there.
[[operations]]
include-name = "POST /api/chat"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409", "429"]

# … and that a drill's calls are told by themselves.
[[operations]]
include-name = "GET /api/calls"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "429"]
"""


@pytest.mark.timeout(3_000)
async def test_the_api_is_what_its_document_says(tmp_path: Path, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every phase, with good and with bad data; the process that served it all is still there."""
    examples = 10 if scale == 1 else 60 * scale
    # The local model would think about each of the good requests, and upstream can be asked by AUTO as well.
    monkeypatch.setattr(Installation, "here", lambda: Installation(engine=False, weights=None, machine="", cpuinfo=""))
    async with opened(tmp_path, CONDUCTOR_AUTO_PROVIDERS="openai") as door:
        _, token = await door.conductor.keys.create(Wish("tries", tuple(Scope), requests_per_minute=None))
        turn = await door.conductor.conversations.start_turn("Hello", [LaneSetup(provider="openai", model="m")])
        await turn.wait()
        configuration = tmp_path / "schemathesis.toml"
        configuration.write_text(
            CONFIGURATION.format(cursor=cursor.write(5.0, "00"), conversation=turn.conversation_id)
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"http://127.0.0.1:{door.port}/api/openapi.json"),
            *("--header", f"x-api-key: {token.reveal()}", "--include-path-regex", "^/(api|metrics)"),
            *("--mode", "all", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)),
            *("--no-color", "--generation-database", "none"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        assert (await door.stranger.get("/api/health/ready")).status_code == 200
    tried = re.search(r"(\d+) generated", output)
    assert tried is not None, output
    assert int(tried[1]) >= (400 if scale == 1 else 1_000 * scale), output
