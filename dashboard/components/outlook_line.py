"""What the next message takes, said at its box: of the model's window, and of money; and what a chat took so far."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Transcript
from conductor_core.kinds import CostKind
from conductor_core.metrics.total import Total
from conductor_core.models import Provider
from conductor_core.routing.expectation import Outlook
from dashboard import runtime, state
from dashboard.components import message_box, numbers, untrusted
from dashboard.components.chart_sentences import cost_words
from dashboard.components.who import name_of


def draw(chat: state.ChatState, transcript: Transcript | None) -> None:
    """One line, which follows what is typed; a warning while it does not fit."""
    path = transcript.path if transcript else ()

    @st.fragment
    def line() -> None:
        chat.box.characters = message_box.of_chat(chat, transcript)
        found = runtime.run(runtime.get_conductor().conversations.outlook(chat.setup, path, chat.box.characters))
        with st.container(key="outlook"):
            st.caption(numbers.unbroken(untrusted.plain(words(found, chat.setup.provider) if found else "")))
        if found and not found.fits:
            untrusted.warning(objection(found))

    line()


def words(found: Outlook, asked: str) -> str:
    """`context ~1,204 of 128,000 tokens (0.9 %) · next answer by OpenAI ~$0.0012`, the name where AUTO chose."""
    if not found.tokens:
        return ""
    kind = CostKind.UNKNOWN if found.cost is None else CostKind.ESTIMATED if found.cost else CostKind.FREE
    by = f" by {name_of(found.provider)}" if asked == Provider.AUTO else ""
    return f"context {_taken(found)} · next answer{by} {numbers.money(found.cost, kind)}"


def _taken(found: Outlook) -> str:
    taken = f"~{numbers.count(found.tokens)}"
    if found.window is None:
        return f"{taken} tokens, window unknown"
    taken, share = f"{taken} of {numbers.count(found.window)} tokens", found.tokens / found.window
    if share > 1:
        return taken
    return f"{taken} (< 0.1 %)" if share < 0.001 else f"{taken} ({numbers.percent(share)})"


def objection(found: Outlook) -> str:
    """Why it will not be answered, and what helps."""
    return (
        f"This will not fit: it takes about {numbers.count(found.tokens)} tokens and an answer "
        f"{numbers.count(found.answer)} more; the window of {found.model or name_of(found.provider)} has "
        f"{numbers.count(found.window)}. Choose a model with a larger window, or start a new chat."
    )


def total_words(total: Total) -> str:
    """`3 answers · 1,204 → 318 tokens · $0.0042`, over all branches and attempts."""
    figures = total.figures
    answers = "1 answer" if total.answers == 1 else f"{numbers.count(total.answers)} answers"
    tokens = f"{numbers.tokens(figures.prompt_tokens, figures.completion_tokens)} tokens"
    return f"{answers} · {tokens} · {cost_words(figures)}"
