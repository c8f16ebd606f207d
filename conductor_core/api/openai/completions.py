"""POST /v1/chat/completions."""

from __future__ import annotations

from functools import partial
from typing import Any

from conductor_core.api.answering import Asked, Dialect
from conductor_core.api.errors import Protocol
from conductor_core.api.forms import read
from conductor_core.api.openai import answer
from conductor_core.api.openai.form import ChatCompletionForm
from conductor_core.api.openai.prompts import prompt_of
from conductor_core.metrics.call import Call
from conductor_core.providers import Completion
from conductor_core.routing.attempt import Attempt


class ChatCompletions(Dialect):
    """Chat Completions, as OpenAI documents them."""

    errors = Protocol.OPENAI
    relays = True

    def read(self, body: Any) -> Asked:
        form = read(ChatCompletionForm, body)
        return Asked(
            form.model,
            partial(prompt_of, form),
            stream=form.stream or False,
            with_usage=bool(form.stream_options and form.stream_options.include_usage),
            ignored=form.ignored,
        )

    def whole(self, completion: Completion, call: Call) -> bytes:
        return answer.whole(completion, call)

    def events(self, attempt: Attempt, asked: Asked) -> answer.Events:
        return answer.Events(attempt.call, with_usage=asked.with_usage)

    def error_event(self, error: bytes) -> bytes:
        return b"data: " + error + b"\n\n"
