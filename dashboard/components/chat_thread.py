"""The open conversation of the Chat page: the messages, the running answer, and what a first visitor sees."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.errors import NotFound
from conductor_core.models import Provider
from conductor_core.turns import LaneSetup
from dashboard import actions, runtime, state
from dashboard.components import answer as one
from dashboard.components import live, untrusted
from dashboard.components.who import show

EXAMPLES = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "Name three fruits.",
)


def opened(chat: state.ChatState) -> Transcript | None:
    """The conversation the address names, else the one this tab had open."""
    wanted = st.query_params.get("c") or chat.conversation_id
    if not wanted:
        return None
    try:
        transcript = runtime.get_conductor().conversations.transcript(wanted)
    except NotFound as error:
        chat.notice = str(error)
        actions.open_conversation(None)
        return None
    if wanted != chat.conversation_id:
        lanes = transcript.conversation.settings.get("lanes")
        chat.setup = LaneSetup.model_validate(lanes[0]) if lanes else chat.setup
    actions.open_conversation(wanted)
    return transcript


def open_one(conversation_id: str | None) -> None:
    """Handler of the sidebar's list."""
    actions.open_conversation(conversation_id)


def draw(transcript: Transcript) -> None:
    """All exchanges; the last one live while its answer runs."""
    conversation_id = transcript.conversation.id
    *earlier, last = transcript.exchanges
    for exchange in earlier:
        _exchange(exchange, conversation_id, last=False)
    if transcript.turn:
        _prompt(last)
        live.watch(transcript.turn, lambda now: _answer(now.answers[0], conversation_id, last=False))
    else:
        _exchange(last, conversation_id, last=True)


def welcome() -> None:
    """What to do first, and on what this installation runs."""
    st.markdown("#### Ask anything, or start with one of these")
    for index, example in enumerate(EXAMPLES):
        st.button(example, key=f"example-{index}", on_click=actions.send, args=(example,), icon=":material/north_east:")
    available = [provider.name for provider in runtime.get_conductor().providers.available()]
    if available == [Provider.LOCAL]:
        st.caption(
            "Running on SmolLM2, a small demonstration model on this machine: it is quick, not an expert. "
            "Add a key in Settings to reach Gemini, OpenAI, Anthropic and others."
        )
    elif not available:
        local = runtime.get_conductor().providers.get(Provider.LOCAL)
        untrusted.caption(f"No provider can be reached yet. Add a key in Settings. {local.endpoint.missing}")


def _exchange(exchange: Exchange, conversation_id: str, *, last: bool) -> None:
    _prompt(exchange)
    for answer in exchange.answers[:1]:
        _answer(answer, conversation_id, last=last)


def _prompt(exchange: Exchange) -> None:
    with st.container(key=f"said-{exchange.prompt_id}"):
        untrusted.markdown(exchange.prompt)


def _answer(answer: Answer, conversation_id: str, *, last: bool) -> None:
    show(answer.provider, answer.model)
    one.body(answer, answer.id)
    one.failure(answer)
    one.figures(answer, answer.id)
    if not answer.running:
        one.choices(answer, conversation_id, answer.id, last=last)
