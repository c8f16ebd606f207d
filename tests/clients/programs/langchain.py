"""LangChain's chat model for OpenAI: prints as JSON what it reads."""

from __future__ import annotations

import json
import sys
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

BASE_URL, KEY = sys.argv[1:3]


@tool  # type: ignore[untyped-decorator] # its package is in a venv of its own
def get_weather(city: str, day: int) -> str:
    """Tells the weather."""
    return f"rain in {city} on day {day}"


def main() -> None:
    hello: Any = [HumanMessage("Hello")]
    chat = ChatOpenAI(base_url=BASE_URL, api_key=KEY, model="anthropic/any-words-3")
    whole = chat.invoke(hello)
    pieces = [piece.content for piece in chat.stream(hello)]
    asking = ChatOpenAI(base_url=BASE_URL, api_key=KEY, model="openai/any-words-1-calls-2").bind_tools([get_weather])
    called = asking.invoke(hello)
    results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
    answered = asking.invoke([*hello, called, *results])
    print(
        json.dumps(
            {
                "whole": whole.content,
                "tokens": whole.usage_metadata["total_tokens"],
                "streamed": "".join(pieces),
                "calls": [(call["id"], call["name"], call["args"]) for call in called.tool_calls],
                "answer": answered.content,
            }
        )
    )


main()
