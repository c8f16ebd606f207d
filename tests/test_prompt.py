"""What a public request becomes inside."""

from __future__ import annotations

from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.prompt import Message, Prompt, TextPart


def test_a_request_loses_nothing() -> None:
    """Every message in its order and every parameter."""
    request = ChatRequest(
        provider="openai",
        model="gpt-4.1-mini",
        messages=[
            ChatMessage(role=MessageRole.SYSTEM, content="Be brief."),
            ChatMessage(role=MessageRole.USER, content="Hello"),
        ],
        temperature=0.2,
        max_tokens=77,
        top_p=0.9,
        top_k=5,
        stop=["END"],
        seed=7,
    )
    prompt = Prompt.from_request(request)
    assert [(message.role, message.text) for message in prompt.messages] == [("system", "Be brief."), ("user", "Hello")]
    assert (prompt.model, prompt.temperature, prompt.max_tokens) == ("gpt-4.1-mini", 0.2, 77)
    assert (prompt.top_p, prompt.top_k, prompt.stop, prompt.seed) == (0.9, 5, ("END",), 7)


def test_left_out_parameters_are_the_providers() -> None:
    """None is not zero; the public form alone has defaults."""
    prompt = Prompt((Message.of(MessageRole.USER, "Hello"),))
    assert (prompt.temperature, prompt.max_tokens, prompt.top_p, prompt.seed) == (None, None, None, None)


def test_parts_count_and_read_as_one_text() -> None:
    """In order, nothing between them."""
    message = Message(MessageRole.USER, (TextPart("Hello "), TextPart("there")))
    assert message.text == "Hello there"
    assert Prompt((message, Message.of(MessageRole.ASSISTANT, "👋"))).characters == 12
