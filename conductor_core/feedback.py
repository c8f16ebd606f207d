"""What somebody thinks of one answer: good or not, and why. Kept beside the answer; no figure of Health goes by it."""

from __future__ import annotations

import time

from conductor_core.errors import InvalidRequest
from conductor_core.models import MessageRole
from conductor_core.store.records import Feedback, StoredMessage
from conductor_core.text import clean_text

NOTE_CHARACTERS = 2_000


def feedback_on(answer: StoredMessage, good: bool, note: str) -> Feedback:
    """Feedback on an answer that has ended.

    Raises:
        InvalidRequest: this is no such answer, or the note is too long.
    """
    if answer.role is not MessageRole.ASSISTANT or answer.state.running:
        raise InvalidRequest("Feedback is for an answer that has ended.", "feedback")
    note = clean_text(note).strip()
    if len(note) > NOTE_CHARACTERS:
        raise InvalidRequest(f"The note has {len(note):,} characters; the limit is {NOTE_CHARACTERS:,}.", "note")
    return Feedback(answer.id, good, note, time.time_ns() // 1_000_000)
