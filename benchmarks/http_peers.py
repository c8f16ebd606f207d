"""Other gateways to be held against, each at a pinned version in an environment of its own, `.venv-peers`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-peers"
LITELLM = "litellm[proxy]==1.106.2"
PORTKEY = "@portkey-ai/gateway@1.15.2"
KEY = "sk-bench"
BEARER = (("authorization", f"Bearer {KEY}"),)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that can be started.

    Attributes:
        command: what serves on a port.
        model: what it calls the upstream's model.
        streams: whether it can stream at all on this machine.
    """

    name: str
    command: Callable[[int], list[str]]
    headers: tuple[tuple[str, str], ...] = BEARER
    model: str = "gpt-4.1-mini"
    variables: Mapping[str, str] = field(default_factory=dict)
    streams: bool = True


def peers(upstream: str) -> list[Candidate]:
    """Installs them where they are not yet; in front of an upstream."""
    return [_litellm(upstream), _portkey(upstream)]


def _litellm(upstream: str) -> Candidate:
    program = FOLDER / "bin" / "litellm"
    if not program.exists():
        _run(sys.executable, "-m", "venv", str(FOLDER))
        _run(str(FOLDER / "bin" / "pip"), "install", "--quiet", LITELLM)
        _run(str(FOLDER / "bin" / "python"), "-m", "compileall", "-q", str(FOLDER / "lib"), check=False)
    config = FOLDER / "litellm.yaml"
    # A name with a star lets the pieces that are asked for in the model's name pass through.
    config.write_text(
        "model_list:\n"
        '  - model_name: "*"\n'
        f'    litellm_params: {{model: "openai/*", api_base: "{upstream}/v1", api_key: "{KEY}"}}\n'
    )
    variables = {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return Candidate(
        "LiteLLM's proxy",
        lambda port: [str(program), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"],
        variables=variables,
    )


def _portkey(upstream: str) -> Candidate:
    program = FOLDER / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not program.exists():
        _run("npm", "install", "--silent", "--prefix", str(FOLDER), PORTKEY)
    headers = (*BEARER, ("x-portkey-provider", "openai"), ("x-portkey-custom-host", f"{upstream}/v1"))
    # Its streams end in HTTP 500 on Node 20 ("TypeError: immutable"), so it has none here.
    return Candidate(
        "Portkey's gateway",
        lambda port: ["node", str(program), "--headless", f"--port={port}"],
        headers,
        variables={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"},
        streams=False,
    )


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, env={**os.environ, "PYTHONWARNINGS": "ignore"})
