"""Where a search leads to: the message is scrolled to and lit up, once."""

from __future__ import annotations

from secrets import token_hex

from conductor_core.answers import Transcript
from conductor_core.store.texts import Hit
from dashboard import state
from dashboard.components.browser import component


def aim(hit: Hit) -> None:
    """From now on the page that shows the hit's conversation shows that message first."""
    aim_at(hit.conversation.id, hit.message_id, hit.turn)


def aim_at(conversation_id: str, message_id: str, turn: int | None = None) -> None:
    """The same for a message that is known otherwise."""
    state.history().sought = state.Sought(conversation_id, message_id, turn, token_hex(8))
    if message_id:
        state.chat().unfolded = conversation_id


def point(transcript: Transcript) -> None:
    """Brings the sought message of this conversation into view: the answer, or if it is not shown, its prompt."""
    sought = state.history().sought
    if not sought or sought.conversation_id != transcript.conversation.id or not sought.message_id:
        return
    prompts = [f"said-{exchange.prompt_id}" for exchange in transcript.exchanges if exchange.turn == sought.turn]
    places = [f"{kind}-{sought.message_id}" for kind in ("said", "answer", "lane")]
    component("seek")(key="seek", data={"places": [*places, *prompts], "asked": sought.asked}, height=1)
