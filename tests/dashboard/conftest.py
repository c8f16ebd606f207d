"""What page tests share: an upstream on a loop of its own, installations behind the pages' door, and one page run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from conductor_core.bridge import Bridge
from conductor_core.conductor import Conductor
from dashboard import runtime
from tests.beside import upstream_beside
from tests.dashboard.app_pages.pages import Install
from tests.installation import KEY, environment_for, give_database
from tests.upstream import Upstream


@pytest.fixture(scope="session", autouse=True)
def _packages_are_read_once() -> Iterator[None]:
    """Streamlit looks for components in every installed package whenever a page of a test begins: half of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """The tests' upstream, reached from script threads."""
    with upstream_beside() as beside:
        yield beside.upstream


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Opens an installation behind the pages' door, with OpenAI and Anthropic at an upstream if one is given.

    Called once more it is a restart on the same data.
    """

    def opened(upstream: Upstream | None = None, *, gemini: bool = False, **variables: str) -> Conductor:
        runtime.close()
        if gemini and upstream:
            variables |= {"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": upstream.url}
        give_database(tmp_path)
        runtime.install(Bridge.in_thread(environment_for(tmp_path, upstream, **variables)))
        return runtime.get_conductor()

    yield opened
    runtime.close()
