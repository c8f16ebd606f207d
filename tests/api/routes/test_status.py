"""Providers, models and status as they stand."""

from __future__ import annotations

import pytest

from conductor_core import VERSION
from conductor_core.models import HealthResponse, ProviderStatus, SystemStatus
from tests.api.door import TOKEN, Open
from tests.installation import KEY

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_provider_is_told_of(shared_door: Open) -> None:
    """All of the registry; one by its name is the same as in the list, and none by a name there is not."""
    await shared_door.chat()
    listed = (await shared_door.client.get("/api/providers")).json()["providers"]
    found = [ProviderStatus.model_validate(one) for one in listed]
    assert [one.name for one in found] == shared_door.conductor.providers.names()
    openai = next(one for one in found if one.name == "openai")
    assert (openai.total_requests, openai.is_healthy) == (1, True)
    one = await shared_door.client.get("/api/providers/openai")
    assert ProviderStatus.model_validate(one.json()) == openai
    missing = await shared_door.client.get("/api/providers/nobody")
    assert missing.status_code == 404
    assert "Known: gemini, openai" in missing.json()["detail"]


async def test_models_are_those_of_configured_providers(shared_door: Open) -> None:
    """Each provider's default first."""
    models = (await shared_door.client.get("/api/models")).json()["models"]
    assert {model["provider"] for model in models} >= {"openai", "anthropic"}
    assert next(model for model in models if model["provider"] == "openai")["default"] is True


async def test_status_is_the_systems(shared_door: Open) -> None:
    """With its version; no key is anywhere in it."""
    answer = await shared_door.client.get("/api/status")
    assert SystemStatus.model_validate(answer.json()).version == VERSION
    assert KEY not in answer.text
    assert TOKEN not in answer.text


async def test_health_needs_no_key(shared_door: Open) -> None:
    """And tells nothing but that it lives, and whether it is ready."""
    for path, status in (("/api/health", "ok"), ("/api/health/ready", "ready")):
        answer = await shared_door.stranger.get(path)
        assert answer.status_code == 200
        assert HealthResponse.model_validate(answer.json()).status == status
        assert answer.json().keys() == {"status", "version", "timestamp"}
