"""What can be done with an answer: copy it, see why this provider gave it, have it answered once more."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from conductor_core.answers import Answer
from conductor_core.kinds import LaneState, Outcome
from conductor_core.turns import LaneSetup
from dashboard import actions, runtime, state
from dashboard.components import branch, feedback, untrusted
from dashboard.components.browser import copy_button
from dashboard.components.receipt import receipt
from dashboard.components.who import name_of

ABOVE = ":above"
"""In a menu of providers: what the page's picker says. (No provider's name begins with a colon.)"""


def choices(answer: Answer, conversation_id: str, sent: Sequence[int] | None, *, branches: bool = False) -> None:
    """The row under an ended answer.

    Args:
        sent: the turns up to its own, by their numbers, when it can be given once more.
        branches: whether each further answer begins a branch.
    """
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"choices-{answer.id}"):
        if answer.text:
            copy_button(answer.text, key=f"copy-{answer.id}")
        feedback.thumbs(answer, conversation_id)
        _receipt(answer)
        if sent is not None:
            _again(answer, conversation_id, state.chat().setup if branches else None)
            _without_the_oldest(answer, conversation_id, sent)
        if answer.text:
            _raw(answer)
        if branches:
            _fork(answer, conversation_id)
            branch.switch(answer.versions, answer.id, conversation_id)


def _receipt(answer: Answer) -> None:
    """Why AUTO chose this provider: one sentence, then the candidates as they stood."""
    if not answer.receipt:
        return
    with st.popover("Why", key=f"why-{answer.id}", type="tertiary"):
        receipt(answer.receipt)


def _again(answer: Answer, conversation_id: str, picked: LaneSetup | None) -> None:
    """With the same choice, with what is picked above, or with another provider; after a fault the first is a button.

    What broke off can also be continued, by the one who began or by another: its text is kept.
    """
    providers = runtime.get_conductor().providers
    others = [provider.name for provider in providers.available() if provider.name != answer.provider]
    above = [ABOVE] if picked and answer.setup and not _is_same(picked, answer) else []
    label, names = "Again", ["", *above, *others]
    if answer.state is not LaneState.DONE or answer.failure:
        label, names = "Use another", [*above, *others]
        if st.button("Retry", key=f"retry-{answer.id}", type="tertiary", icon=":material/refresh:"):
            _answer_with(answer, conversation_id)
    if answer.broke_off:
        chosen = _menu("Continue", [answer.provider, *others], f"continue-{answer.id}")
        if chosen is not None:
            same = chosen == answer.provider
            changes = {} if same else {"provider": chosen, "model": None}
            _answer_with(answer, conversation_id, going_on=True, **changes)
    chosen = _menu(label, names, f"again-{answer.id}")
    if chosen == ABOVE and picked:
        _answer_with(answer, conversation_id, **picked.model_dump(exclude={"first_turn"}))
    elif chosen:
        _answer_with(answer, conversation_id, provider=chosen, model=None)
    elif chosen is not None:
        _answer_with(answer, conversation_id)


def _raw(answer: Answer) -> None:
    """Between the answer as it reads and as it was written."""
    raw = state.reading().raw
    is_raw = answer.id in raw
    st.button(
        "Rendered" if is_raw else "Raw",
        key=f"raw-{answer.id}",
        type="tertiary",
        help="Show this answer as formatted text" if is_raw else "Show this answer's Markdown as it was written",
        on_click=raw.discard if is_raw else raw.add,
        args=(answer.id,),
    )


def _fork(answer: Answer, conversation_id: str) -> None:
    """A new chat that begins with all this, opened in place."""
    if not answer.text or not st.button(
        "Fork", key=f"fork-{answer.id}", type="tertiary", help="Go on from here in a new chat"
    ):
        return
    made = actions.fork(conversation_id, answer.id)
    if made:
        actions.open_conversation(made)
    st.rerun()


def _menu(label: str, names: list[str], key: str) -> str | None:
    """A menu of providers; the one just chosen, or None. The empty name is the choice there was."""
    if not names:
        return None
    chosen: str | None = st.menu_button(
        untrusted.plain(label), names, key=key, type="tertiary", format_func=lambda name: untrusted.plain(_with(name))
    )
    return chosen


def _with(name: str) -> str:
    if name == ABOVE:
        return "with what is chosen above"
    return f"with {name_of(name)}" if name else "with the same choice"


def _is_same(picked: LaneSetup, answer: Answer) -> bool:
    asked = LaneSetup.model_validate(answer.setup)
    return picked == asked.model_copy(update={"first_turn": picked.first_turn})


def _without_the_oldest(answer: Answer, conversation_id: str, sent: Sequence[int]) -> None:
    """When the conversation has outgrown the model: the older half of what was sent can be left out."""
    sent = [turn for turn in sent if turn >= answer.setup.get("first_turn", 0)]
    if not answer.failure or answer.failure.kind is not Outcome.TOO_LARGE or len(sent) < 2:
        return
    if st.button("Drop the oldest turns", key=f"drop-{answer.id}", type="tertiary", icon=":material/content_cut:"):
        _answer_with(answer, conversation_id, first_turn=sent[len(sent) // 2])


def _answer_with(answer: Answer, conversation_id: str, *, going_on: bool = False, **changes: object) -> None:
    """Once more, or from where it broke off, asked as before but for the changes."""
    setup = LaneSetup.model_validate((answer.setup or {"provider": answer.provider}) | changes)
    actions.answer_again(conversation_id, {answer.lane: setup}, of=answer.id, going_on=going_on)
    st.rerun()
