"""The open conversation of the Chat page: the messages, the running answer, and what a first visitor sees."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.errors import NotFound
from conductor_core.models import Provider
from dashboard import actions, runtime, state
from dashboard.components import answer as one
from dashboard.components import live, prompt_box, seek, untrusted
from dashboard.components.answer_choices import choices
from dashboard.components.who import show

EXAMPLES = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "Name three fruits.",
)

FOLD = 10
"""Earlier exchanges are folded away in such lots, one lot staying: each costs every run of the page a millisecond."""

ANSWER = "answer"
"""In an address: the answer whose branch is to be shown, once."""


def opened(chat: state.ChatState) -> Transcript | None:
    """The conversation the address names, else the one this tab had open."""
    wanted, answer_id = st.query_params.get("c") or chat.conversation_id, st.query_params.pop(ANSWER, "")
    if wanted and answer_id:
        actions.show(wanted, answer_id)
        seek.aim_at(wanted, answer_id)
    if wanted != chat.conversation_id or "c" not in st.query_params:
        actions.open_conversation(wanted)
    try:
        found = runtime.get_conductor().conversations.transcript(chat.conversation_id) if chat.conversation_id else None
    except NotFound as error:
        actions.open_conversation(None)
        chat.notice = str(error)
        return None
    if found and found.hidden:  # this page names who answers
        actions.open_conversation(None)
        chat.notice = "This is a blind comparison that waits for a vote. Open it on Compare."
        return None
    if found:
        chat.setup = chat.setup.model_copy(update={"first_turn": found.first_turn})
    return found


def draw(transcript: Transcript) -> None:
    """The exchanges, of a long conversation the latest; the last one live while its answer runs."""
    conversation_id = transcript.conversation.id
    if not transcript.exchanges:  # the process was killed before its first message was saved
        return
    *earlier, last = transcript.exchanges
    unfolded = _unfolded(earlier, conversation_id)
    turns = [exchange.turn for exchange in transcript.exchanges]
    runs = transcript.turn or transcript.elsewhere
    for number, exchange in enumerate(unfolded, 1 + len(earlier) - len(unfolded)):
        _exchange(exchange, conversation_id, sent=None if runs else turns[:number])
    if transcript.turn and any(answer.running for answer in last.answers):  # not a merge of a comparison
        prompt_box.draw(last, conversation_id)
        live.watch(transcript.turn, lambda now: _answer(now.answers[0], conversation_id, sent=None))
        return
    _exchange(last, conversation_id, sent=None if runs else turns)
    if transcript.elsewhere:
        live.watch(transcript.elsewhere, _elsewhere)


def welcome() -> None:
    """What to do first, and on what this installation runs."""
    st.markdown("#### Ask anything, or start with one of these")
    form = actions.new_form()
    for index, example in enumerate(EXAMPLES):
        st.button(
            example,
            key=f"example-{index}",
            on_click=actions.send,
            args=(example, form),
            icon=":material/north_east:",
        )
    available = [provider.name for provider in runtime.get_conductor().providers.available()]
    if available == [Provider.LOCAL]:
        st.caption(
            "Running on SmolLM2, a small demonstration model on this machine: it is quick, not an expert. "
            "Add a key in Settings to reach Gemini, OpenAI, Anthropic and others."
        )
    elif not available:
        local = runtime.get_conductor().providers.get(Provider.LOCAL)
        untrusted.caption(f"No provider can be reached yet. Add a key in Settings. {local.endpoint.missing}")


def _unfolded(earlier: Sequence[Exchange], conversation_id: str) -> Sequence[Exchange]:
    """What is drawn of a long conversation: the latest, or all once asked for."""
    folded = max(0, len(earlier) // FOLD * FOLD - FOLD)
    chat = state.chat()
    if not folded or chat.unfolded == conversation_id:
        return earlier
    st.button(
        untrusted.plain(f"Show {folded} earlier questions"),
        icon=":material/unfold_more:",
        key="unfold",
        type="tertiary",
        on_click=setattr,
        args=(chat, "unfolded", conversation_id),
    )
    return earlier[folded:]


def _exchange(exchange: Exchange, conversation_id: str, *, sent: Sequence[int] | None) -> None:
    prompt_box.draw(exchange, conversation_id)
    with live.place():
        for answer in exchange.answers[:1]:
            _answer(answer, conversation_id, sent=sent)


def _elsewhere(_: Exchange) -> None:
    st.caption("An answer is being written in another branch.")


def _answer(answer: Answer, conversation_id: str, *, sent: Sequence[int] | None) -> None:
    with st.container(key=f"answer-{answer.id}"):
        show(answer.provider, answer.model)
        one.notices(answer)
        one.kept(answer)
        one.body(answer)
        one.failure(answer)
        one.figures(answer)
        if not answer.running:
            choices(answer, conversation_id, sent, branches=True)
