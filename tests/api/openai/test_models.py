"""`GET /v1/models`, and what a model's name may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.door import Open

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"


def asking(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


async def test_the_list(door: Open) -> None:
    """AUTO, AUTO by each strategy, and every provider's models by its name; in OpenAI's shape."""
    listed = (await door.client.get("/v1/models")).json()
    assert (set(listed), listed["object"]) == ({"object", "data"}, "list")
    assert listed["data"][0] == {"id": "auto", "object": "model", "created": 0, "owned_by": "conductor"}
    owners = {model["id"]: model["owned_by"] for model in listed["data"]}
    assert "auto:cheapest" in owners
    assert owners["openai/gpt-4.1-mini"] == owners["openai/first-model"] == "openai"
    assert owners["anthropic/second-model"] == "anthropic"
    assert owners["local/smollm2-135m"] == "local"


async def test_anthropics_clients_get_their_own_shape(door: Open) -> None:
    """They name a version."""
    headers = {"anthropic-version": "2023-06-01"}
    listed = (await door.client.get("/v1/models", headers=headers)).json()
    assert (listed["first_id"], listed["has_more"]) == ("auto", False)
    assert listed["data"][0]["type"] == "model"
    missing = (await door.client.get("/v1/models/nope", headers=headers)).json()
    assert (missing["type"], missing["error"]["type"]) == ("error", "not_found_error")


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("auto", "auto"),
        ("auto:fastest", "auto:fastest"),
        ("openai/first-model", "openai/first-model"),
        ("gpt-4.1-mini", "openai/gpt-4.1-mini"),
    ],
)
async def test_one_of_them(door: Open, name: str, id: str) -> None:
    """By its whole name, or by the model's alone where only one provider has it."""
    assert (await door.client.get(f"/v1/models/{name}")).json()["id"] == id


@pytest.mark.parametrize("name", ["nope", "openai/nope", "auto:nope", "first-model", "a%00b", "x" * 300])
async def test_what_there_is_not(door: Open, name: str) -> None:
    """It is a 404 that names no more than a hundred characters of it."""
    answer = await door.client.get(f"/v1/models/{name}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert len(error["message"]) < 250


async def test_a_slip_is_told_what_may_have_been_meant(door: Open) -> None:
    """As where such a model is asked."""
    looked_up = await door.client.get("/v1/models/openai/gpt-4.1-mimi")
    assert "Did you mean openai/gpt-4.1-mini" in looked_up.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [
        ("openai/any/with/slashes", "any/with/slashes", "openai"),
        ("gpt-4.1-mini", "gpt-4.1-mini", "openai"),
        ("claude-haiku-4-5", "claude-haiku-4-5", "anthropic"),
    ],
)
async def test_whose_model_is_asked(door: Open, name: str, model: str, provider: str) -> None:
    """A name is split at its first slash; without one it is the only provider's that has it."""
    answer = await door.client.post(PATH, json=asking(name))
    assert (door.upstream.last.model, answer.headers["x-conductor-provider"]) == (model, provider)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-4.1-mimi", "Did you mean openai/gpt-4.1-mini"),
        ("openai/gpt-4.1-mini/x", ""),
        ("opnai/gpt-4.1-mini", "Did you mean openai/gpt-4.1-mini"),
        ("auto:cheap", "Did you mean auto:cheapest"),
        ("first-model", "Several providers have the model first-model. Say which: openai/first-model"),
        ("zzzz", "GET /v1/models lists what there is"),
    ],
)
async def test_near_matches(door: Open, name: str, words: str) -> None:
    """B26: an unknown name is answered with what may have been meant, one that several have with whose it may be."""
    answer = await door.client.post(PATH, json=asking(name))
    if not words:  # whose model it is has been said: whether there is one is the provider's to say
        assert answer.status_code == 200
        return
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "model_not_found")
    assert words in error["message"]


async def test_models_of_providers_that_were_not_asked_yet(door: Open) -> None:
    """A bare name is looked for in lists that are fetched for it."""
    door.conductor.catalog.forget()
    answer = await door.client.post(PATH, json=asking("second-model"))
    assert "Several providers" in answer.json()["error"]["message"]
