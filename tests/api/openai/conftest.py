"""One open door for all tests of a module: opening one takes longer than most of them."""

from __future__ import annotations

import pytest

from tests.api.door import Open


@pytest.fixture
def door(shared_door: Open) -> Open:
    """That door, with nothing asked through it yet and an upstream that behaves."""
    return shared_door.afresh()
