"""POST /v1/messages and POST /v1/messages/count_tokens."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson

from conductor_core.api.answering import Asked, Dialect
from conductor_core.api.anthropic import answer
from conductor_core.api.anthropic.form import CountForm, MessageForm
from conductor_core.api.anthropic.prompts import prompt_of
from conductor_core.api.errors import Protocol
from conductor_core.api.forms import read
from conductor_core.metrics.call import Call
from conductor_core.pricing import estimate_tokens
from conductor_core.providers import Completion
from conductor_core.routing.attempt import Attempt


class Messages(Dialect):
    """The Messages API, as Anthropic documents it."""

    errors = Protocol.ANTHROPIC

    def read(self, body: Any) -> Asked:
        form = read(MessageForm, body)
        return Asked(form.model, partial(prompt_of, form), stream=form.stream or False, ignored=form.ignored)

    def whole(self, completion: Completion, call: Call) -> bytes:
        return answer.whole(completion, call)

    def events(self, attempt: Attempt, asked: Asked) -> answer.Events:
        return answer.Events(attempt.call, estimate_tokens(attempt.prompt.characters))

    def error_event(self, error: bytes) -> bytes:
        return b"event: error\ndata: " + error + b"\n\n"


def count_tokens(body: Any) -> bytes:
    """An estimate, as nobody is asked: a quarter of the characters, as wherever a provider did not count.

    Raises:
        InvalidRequest: a field is out of its bounds.
    """
    prompt = prompt_of(read(CountForm, body), None)
    return orjson.dumps({"input_tokens": estimate_tokens(prompt.characters)})
