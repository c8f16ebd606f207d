"""The public values: their names, their defaults and their bounds."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from conductor_core import models
from conductor_core.errors import InvalidRequest
from conductor_core.models import ChatMessage, ChatRequest, MessageRole, Provider
from conductor_core.providers import VENDORS

HELLO = [{"role": "user", "content": "Hello"}]


def refusal(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ChatRequest.model_validate({"messages": HELLO, **fields})
    return str(InvalidRequest.from_validation(caught.value))


def test_defaults_are_the_documented_ones() -> None:
    """AUTO, 0.7, 1000; null means the default."""
    request = ChatRequest.model_validate({"messages": HELLO, "temperature": None, "max_tokens": None, "provider": None})
    assert (request.provider, request.model, request.temperature, request.max_tokens) == ("auto", None, 0.7, 1000)


def test_every_provider_of_the_registry_has_its_name_here() -> None:
    """`Provider` and the registry's rows are the same list."""
    assert [provider.value for provider in Provider] == ["auto", *(vendor.name for vendor in VENDORS)]


@pytest.mark.parametrize(
    ("fields", "field", "given_type"),
    [
        ({"temperature": math.nan}, "temperature", "float"),
        ({"temperature": math.inf}, "temperature", "float"),
        ({"temperature": -0.1}, "temperature", "float"),
        ({"temperature": 2.1}, "temperature", "float"),
        ({"temperature": "0.7"}, "temperature", "str"),
        ({"temperature": True}, "temperature", "bool"),
        ({"max_tokens": 0}, "max_tokens", "int"),
        ({"max_tokens": 4001}, "max_tokens", "int"),
        ({"max_tokens": 1.5}, "max_tokens", "float"),
        ({"top_p": 0.0}, "top_p", "float"),
        ({"top_p": 1.01}, "top_p", "float"),
        ({"seed": 2**63}, "seed", "int"),
        ({"messages": []}, "messages", "list"),
        ({"messages": None}, "messages", "NoneType"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", "str"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages.0.role", "int"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content", "str"),
        ({"messages": [{"role": "user", "content": " \u200b\n"}]}, "messages.0.content", "str"),
        ({"messages": [{"role": "user", "content": "a\0b"}]}, "messages.0.content", "str"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages.0.content", "str"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content", "int"),
        ({"messages": [{"role": "user", "content": "x" * 1_000_001}]}, "messages.0.content", "str"),
        ({"messages": HELLO * 10_001}, "messages", "list"),
        ({"model": "../../etc/passwd"}, "model", "str"),
        ({"model": "a\r\nX-Injected: 1"}, "model", "str"),
        ({"model": "m" * 201}, "model", "str"),
        ({"provider": "custom:"}, "provider", "str"),
        ({"api_key": "sk-1"}, "api_key", "str"),
        ({"base_url": "http://x"}, "base_url", "str"),
        ({"headers": {}}, "headers", "dict"),
    ],
)
def test_a_wrong_value_is_refused_with_field_and_type(fields: dict[str, Any], field: str, given_type: str) -> None:
    """The sentence starts with the field, ends with the type given, and never repeats the value."""
    sentence = refusal(**fields)
    assert sentence.startswith(f"{field}: ")
    assert sentence.endswith(f"got {given_type}")
    assert len(sentence) < 200


def test_the_bound_is_named() -> None:
    """Out of range says which range."""
    assert "less than or equal to 2" in refusal(temperature=2.5)
    assert "less than or equal to 4000" in refusal(max_tokens=5000)
    assert "at most 10000" in refusal(messages=HELLO * 10_001)


def test_a_missing_role_is_named() -> None:
    """A missing field has no type to speak of."""
    assert refusal(messages=[{"content": "x"}]) == "messages.0.role: Field required"


@given(st.text(min_size=1))
def test_text_that_passes_can_be_stored_and_sent(text: str) -> None:
    """What the boundary lets through is UTF-8 without NUL, unchanged."""
    try:
        message = ChatMessage(role=MessageRole.USER, content=text)
    except ValidationError:
        return
    assert message.content == text
    assert b"\0" not in text.encode()
    assert orjson.loads(orjson.dumps(message.content)) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_temperature_is_accepted_exactly_in_its_range(value: float) -> None:
    """0.0 to 2.0 and nothing else."""
    try:
        request = ChatRequest.model_validate({"messages": HELLO, "temperature": value})
    except ValidationError:
        assert not 0.0 <= value <= 2.0
    else:
        assert 0.0 <= request.temperature <= 2.0


@pytest.mark.parametrize("name", ["ChatMessage", "ChatRequest", "ChatResponse", "ProviderStatus", "SystemStatus"])
def test_schema_examples_are_valid(name: str) -> None:
    """Each schema shows an example that the model itself accepts."""
    model: type[BaseModel] = getattr(models, name)
    examples = model.model_json_schema()["examples"]
    assert examples
    for example in examples:
        model.model_validate(example)
