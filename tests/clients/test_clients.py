"""Clients that people use, unmodified, against the real server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts import clients
from tests.clients.conftest import TOKEN, Server
from tests.upstream import CALLED, Plan

THREE, TWO, ONE = (Plan.of(f"words-{count}").text for count in (3, 2, 1))
CALLS = [[id, CALLED, arguments] for id, arguments in Plan.of("calls-2").calls]


def test_openais_python_client(server: Server) -> None:
    """Whole, streamed, with tools, asynchronous; faults are its own exceptions."""
    found = server.program("openai_sdk.py", f"{server.url}/v1")
    assert len(found["whole"].pop("request_id")) == 32
    assert found["whole"] == {
        "text": THREE,
        "thinking": "let me see",
        "reason": "stop",
        "tokens": 13,
        "provider": "openai",
    }
    assert found["streamed"] == {"text": THREE, "reason": "stop", "tokens": 10}
    assert found["tools"] == {"calls": CALLS, "answer": ONE}
    assert found["refused"] == {
        "bad_request": ["BadRequestError", "invalid_request", "temperature"],
        "not_found": ["NotFoundError", "model_not_found", None],
        "rate_limited": ["RateLimitError", "rate_limited", None],
        "stranger": ["AuthenticationError", "invalid_api_key", None],
    }
    assert found["in_the_middle"] == {"text": TWO, "error": "APIError", "code": "upstream_error"}
    assert {"auto", "auto:cheapest", "openai/gpt-4.1-mini"} <= set(found["models"])
    assert found["model"] == "openai/gpt-4.1-mini"
    assert found["async"] == {"whole": TWO, "streamed": TWO}


def test_anthropics_python_client(server: Server) -> None:
    """Whole, streamed, with tools, asynchronous; faults are its own exceptions."""
    found = server.program("anthropic_sdk.py", server.url)
    assert found["whole"] == {"blocks": ["thinking", "text"], "text": THREE, "reason": "end_turn", "tokens": 6}
    assert found["streamed"] == {"text": THREE, "reason": "end_turn", "tokens": 6}
    assert found["tools"] == {"calls": CALLS, "answer": ONE}
    assert found["refused"] == {
        "bad_request": "BadRequestError",
        "not_found": "NotFoundError",
        "rate_limited": "RateLimitError",
        "stranger": "AuthenticationError",
    }
    assert found["in_the_middle"] == {"text": TWO, "error": "APIStatusError"}
    assert found["counted"] == 2
    assert "auto" in found["models"]
    assert found["async"] == {"whole": TWO, "streamed": TWO}


def test_langchain(server: Server) -> None:
    """Whole, streamed, with tools."""
    assert server.program("langchain.py", f"{server.url}/v1") == {
        "whole": THREE,
        "tokens": 10,
        "streamed": THREE,
        "calls": CALLS,
        "answer": ONE,
    }


def test_llm(server: Server, tmp_path: Path) -> None:
    """The command-line tool, with our models in its list of further ones; streamed and whole."""
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: conductor\n  model_name: openai/any-words-3\n  api_base: {server.url}/v1\n"
        "  api_key_name: conductor\n"
    )
    environment = {"LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    for option in ([], ["--no-stream"]):
        command = [clients.program("llm"), "-m", "conductor", "--key", TOKEN, *option, "Hello"]
        assert server.run(command, environment).strip() == THREE.strip()


@pytest.mark.parametrize("stream", [False, True])
def test_curl(server: Server, stream: bool) -> None:
    """As in the README."""
    curl = shutil.which("curl")
    assert curl, "curl is not installed"
    body = {"model": "openai/any-words-2", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    printed = server.run(
        [
            *(curl, "--silent", "--show-error", "--fail-with-body", f"{server.url}/v1/chat/completions"),
            *("-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json"),
            *("-d", json.dumps(body)),
        ]
    )
    if stream:
        assert printed.endswith("data: [DONE]\n\n")
    else:
        assert json.loads(printed)["choices"][0]["message"]["content"] == TWO


@pytest.mark.skipif(not clients.has_node(), reason=clients.NO_NODE)
def test_openais_javascript_client(server: Server) -> None:
    """Whole, streamed, with tools; a fault is its own exception."""
    program = clients.NODE_FOLDER / "openai_sdk.mjs"
    shutil.copy(Path(__file__).parent / "node" / program.name, program)  # beside the packages it imports
    node = shutil.which("node")
    assert node
    found = json.loads(server.run([node, str(program), f"{server.url}/v1", TOKEN]))
    assert "auto" in found.pop("models")
    assert found == {
        "whole": THREE,
        "streamed": THREE,
        "tokens": 10,
        "calls": CALLS,
        "answer": ONE,
        "refused": ["BadRequestError", "invalid_request", "temperature"],
    }
