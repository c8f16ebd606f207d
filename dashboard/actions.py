"""What the user did, handed to the core. Each action is one call there and what the page needs to know of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Any

import streamlit as st

from conductor_core.attachments import File
from conductor_core.conversations import Conversations
from conductor_core.errors import InvalidRequest, NotFound, UserError
from conductor_core.kinds import Verdict
from conductor_core.redaction import looks_like_key
from conductor_core.store.records import Conversation
from conductor_core.turns import SAVE_SECONDS, LaneSetup
from dashboard import runtime, state

PROMPT_KEY = "prompt"
PROMPT_FOR_ALL_KEY = "prompt-for-all"
LANE, BESIDE = "lane", "with"
"""Names in the address of Compare: the one lane that is looked at, and the comparison beside this one."""


def send(
    text: str,
    form: str = "",
    *,
    checked: bool = False,
    after: str | None = None,
    instead_of: str = "",
    first_turn: int | None = None,
    files: Sequence[File] = (),
) -> None:
    """Sends a chat message. A refused one goes back into the box, or stays in its own, with the reason told.

    Args:
        form: what it was submitted with, as it was drawn; the same text from the same form is one message.
        checked: the person has seen that it holds what looks like a key, and sends it all the same.
        after: the message it was written below.
        instead_of: the prompt it is an edit of.
        first_turn: with `instead_of`, the first turn that was sent along with that one.
        files: what goes with it, beside what waits for the next message.
    """
    chat = state.chat()
    chat.files += files
    if not checked and _held(chat, text, instead_of):
        return
    chat.held = None
    setup = chat.setup if first_turn is None else chat.setup.model_copy(update={"first_turn": first_turn})
    try:
        turn = runtime.run(
            _conversations().start_turn(
                text,
                [setup],
                conversation_id=chat.conversation_id,
                after=after,
                instead_of=instead_of or None,
                files=() if instead_of else list(chat.files),
                idempotency_key=_submission(form, text),
            )
        )
    except UserError as error:
        _return(chat, PROMPT_KEY, text, instead_of, error, files)
        return
    chat.editing.pop(instead_of, None)
    if not instead_of:
        chat.files.clear()
    _began(chat.box, chat.conversation_id, turn.conversation_id)
    open_conversation(turn.conversation_id)


def edit(prompt_id: str, text: str | None) -> None:
    """Begins to edit a prompt, or notes how it reads by now; None: leaves it as it was sent."""
    chat = state.chat()
    if text is None:
        chat.editing.pop(prompt_id, None)
    else:
        chat.editing[prompt_id] = text


def fork(conversation_id: str, answer_id: str) -> str | None:
    """Copies the path up to an answer into a new chat; its id, or None with the reason told."""
    try:
        return runtime.run(_conversations().fork(conversation_id, answer_id))
    except UserError as error:
        state.chat().notice = state.compare().notice = str(error)
        return None


def show(conversation_id: str, message_id: str) -> None:
    """Shows the branch that a message of a chat is in."""
    try:
        runtime.run(_conversations().show(conversation_id, message_id))
    except UserError as error:
        state.chat().notice = str(error)


def send_to_all(text: str, form: str = "", *, checked: bool = False, files: Sequence[File] = ()) -> None:
    """Sends a prompt to every lane of the comparison, as `send` does."""
    compare = state.compare()
    compare.files += files
    if not checked and _held(compare, text):
        return
    compare.held = None
    try:
        turn = runtime.run(
            _conversations().start_turn(
                text,
                compare.asked,
                conversation_id=compare.comparison_id,
                kind="compare",
                blind=compare.blind,
                files=list(compare.files),
                in_turn=compare.in_turn,
                idempotency_key=_submission(form, text),
            )
        )
    except UserError as error:
        _return(compare, PROMPT_FOR_ALL_KEY, text, "", error, files)
        return
    compare.files.clear()
    _began(compare.box, compare.comparison_id, turn.conversation_id)
    open_comparison(turn.conversation_id)


def put(box: state.Box, text: str) -> None:
    """Puts a text into the message box, for editing."""
    box.put = state.Put(text, new_form())


def new_form() -> str:
    """Tells one drawing of a form from the next: a double click submits the same one twice."""
    return token_hex(8)


def masked(text: str) -> str:
    """A prompt with everything in it that is or looks like a key blanked out."""
    return runtime.get_conductor().redactor.clean(text)


def give_back(page: state.ChatState | state.CompareState, key: str) -> None:
    """Puts a held message back into its box."""
    if page.held:
        _return(page, key, page.held.text, page.held.instead_of, None)
    page.held = None


def answer_again(
    conversation_id: str, lanes: Mapping[int, LaneSetup], *, of: str | None = None, going_on: bool = False
) -> None:
    """Has a prompt answered once more, or an answer that broke off continued.

    What was left out of the prompt stays left out from then on.

    Args:
        of: the answer that was there, or its prompt; None: the last one.
    """
    chat, compare = state.chat(), state.compare()
    try:
        runtime.run(_conversations().answer_again(conversation_id, lanes, of=of, going_on=going_on))
    except UserError as error:
        chat.notice = compare.notice = str(error)
        return
    if conversation_id == compare.comparison_id:
        for index, setup in lanes.items():
            since = {"first_turn": setup.first_turn}
            compare.lanes[index] = compare.lanes[index].model_copy(update=since)


def vote(comparison_id: str, turn: int, verdict: Verdict, best: int | None = None, tags_key: str = "") -> None:
    """Votes on the answers to a prompt; who gave them is shown from then on.

    Args:
        tags_key: the widget that holds the vote's tags.
    """
    tags = st.session_state.get(tags_key) or []
    try:
        runtime.run(runtime.get_conductor().vote(comparison_id, turn, verdict, best, tags))
    except UserError as error:
        state.compare().notice = str(error)


def rate(conversation_id: str, answer_id: str, thumbs_key: str, note_key: str) -> None:
    """Keeps what somebody thinks of an answer, as its widgets say it; no thumb any more takes the note with it.

    Args:
        thumbs_key, note_key: the widgets that hold the thumb (0 or 1) and the note.
    """
    thumb = st.session_state.get(thumbs_key)
    note = st.session_state.get(note_key) or ""
    work = _conversations().rate(conversation_id, answer_id, None if thumb is None else bool(thumb), note)
    try:
        runtime.run(work)
    except UserError as error:
        state.chat().notice = state.compare().notice = str(error)


def recover(provider: str) -> None:
    """Lets a provider that is passed over be asked again at once."""
    runtime.run(runtime.get_conductor().recover(provider))


def stop(conversation_id: str, lane: int | None = None) -> None:
    """Stops one running answer of a conversation, or all."""
    turn = _conversations().turn(conversation_id)
    if turn:
        turn.stop(lane)


def open_conversation(conversation_id: str | None) -> None:
    """Shows a conversation on the Chat page with what it was last sent with, or an empty new one."""
    chat = state.chat()
    lanes, _ = _opened(conversation_id, chat)
    if lanes:
        chat.conversation_id, chat.setup = conversation_id, lanes[0]
    else:
        chat.conversation_id, chat.setup = None, chat.setup.model_copy(update={"first_turn": 0})
    _address("c", chat.conversation_id)


def open_comparison(comparison_id: str | None) -> None:
    """Shows a comparison on the Compare page with its lanes, or an empty new one."""
    compare = state.compare()
    lanes, settings = _opened(comparison_id, compare)
    if not lanes or comparison_id != compare.comparison_id:
        compare.revision += 1
    compare.lanes, compare.arranged = lanes, settings.get("arranged", [])
    compare.comparison_id = comparison_id if lanes else None
    if lanes:
        compare.times, compare.in_turn = 1, settings.get("in_turn", False)
    if st.query_params.get("cmp", comparison_id) != compare.comparison_id:  # what was looked at was of another one
        for name in (LANE, BESIDE):
            st.query_params.pop(name, None)
    _address("cmp", compare.comparison_id)


def rename(conversation_id: str, title: str) -> str:
    """Renames a conversation; returns why not, if it can't be."""
    try:
        runtime.run(_conversations().rename(conversation_id, title))
    except UserError as error:
        return str(error)
    return ""


def tag(conversation_id: str, tags: Iterable[str]) -> str:
    """Gives a conversation other tags; returns why not, if it can't be done."""
    try:
        runtime.run(_conversations().tag(conversation_id, tags))
    except UserError as error:
        return str(error)
    return ""


def pin(conversation_id: str, pinned: bool) -> None:
    """Keeps a conversation at the top of its list, or lets it go."""
    runtime.get_conductor().store.pin(conversation_id, pinned).result(SAVE_SECONDS)


def archive(conversation_id: str, archived: bool) -> None:
    """Moves a conversation out of its list, or back."""
    runtime.get_conductor().store.archive(conversation_id, archived).result(SAVE_SECONDS)


def delete(conversation: Conversation) -> None:
    """Deletes a conversation, for good after a while in which it can be brought back."""
    asked = state.menu()
    asked.deleting = None
    try:
        runtime.run(_conversations().delete_soon(conversation.id))
    except NotFound:
        return  # another tab was faster
    asked.deleted = state.Deleted(conversation, time.monotonic())
    if state.chat().conversation_id == conversation.id:
        open_conversation(None)
    if state.compare().comparison_id == conversation.id:
        open_comparison(None)


def undo_deletion() -> None:
    """Brings back what was deleted last, if it is still there, and opens it."""
    asked = state.menu()
    deleted, asked.deleted = asked.deleted, None
    if not deleted or not runtime.run(_conversations().bring_back(deleted.conversation.id)):
        return
    if deleted.conversation.kind == "compare":
        open_comparison(deleted.conversation.id)
    else:
        open_conversation(deleted.conversation.id)


def _opened(
    conversation_id: str | None, page: state.ChatState | state.CompareState
) -> tuple[list[LaneSetup], dict[str, Any]]:
    """What a conversation was last sent with, and what else is kept of how it is shown.

    Nothing for a new one, nor for one that is gone, which the page says.
    """
    if not conversation_id:
        return [], {}
    try:
        settings = runtime.get_conductor().store.conversation(conversation_id).settings
    except NotFound as error:
        page.notice = str(error)
        return [], {}
    return [LaneSetup.model_validate(lane) for lane in settings["lanes"]], settings


def _address(parameter: str, conversation_id: str | None) -> None:
    if conversation_id:
        st.query_params[parameter] = conversation_id
    else:
        st.query_params.pop(parameter, None)


def _submission(form: str, text: str) -> str | None:
    """The key of a submission; another text from the same form is another submission."""
    return f"{form}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}" if form else None


def _held(page: state.ChatState | state.CompareState, text: str, instead_of: str = "") -> bool:
    kind = looks_like_key(text)
    page.held = state.Held(text, kind, instead_of) if kind else None
    return kind is not None


def _return(
    page: state.ChatState | state.CompareState,
    key: str,
    text: str,
    instead_of: str,
    error: UserError | None,
    files: Sequence[File] = (),
) -> None:
    """Puts what was not sent back where it was written; files that just came stay, but for such as can't be taken."""
    if isinstance(error, InvalidRequest) and error.field == "files":
        del page.files[len(page.files) - len(files) :]
    if isinstance(page, state.ChatState) and instead_of:
        page.editing[instead_of] = text
    else:
        st.session_state[key] = text
        page.box.given = new_form()
    page.notice = str(error or "")


def _began(box: state.Box, before: str | None, now: str) -> None:
    """What was sent from a box was sent; whether a conversation was begun with it."""
    box.put = None
    if before is None:
        box.begun = now


def _conversations() -> Conversations:
    return runtime.get_conductor().conversations
