"""Votes on the answers of a comparison: what may be voted, and which votes count.

The rules of what does not count follow Chatbot Arena's cleaning of its votes (Chiang et al., "Chatbot Arena", 2024).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from conductor_core.answers import Answer, Exchange
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import LaneState, Verdict
from conductor_core.store.records import Side, Vote
from conductor_core.text import clean_text, is_blank

MOST_TAGS = 5
TAG_CHARACTERS = 24
TELLTALE = (
    "alibaba",
    "anthropic",
    "bard",
    "chatglm",
    "chatgpt",
    "claude",
    "cohere",
    "deepmind",
    "deepseek",
    "gemini",
    "gemma",
    "google",
    "gpt",
    "grok",
    "groq",
    "huggingface",
    "hugging face",
    "llama",
    "meta ai",
    "mistral",
    "mixtral",
    "moonshot",
    "openai",
    "openrouter",
    "qwen",
    "smollm",
    "together ai",
    "xai",
    "zhipu",
)
"""Words by which an answer tells who wrote it, besides the names of those who were compared."""


def vote_of(
    exchange: Exchange,
    conversation_id: str,
    models: Mapping[str, tuple[str, str]],
    verdict: Verdict,
    best: int | None = None,
    tags: Iterable[str] = (),
    *,
    simulated: frozenset[str] = frozenset(),
) -> Vote:
    """The vote on an exchange that has ended.

    Args:
        models: provider and model that answered, by the answer's id.
        best: the lane that was picked, with `Verdict.BETTER`.
        simulated: the providers of a drill.

    Raises:
        InvalidRequest: there is nothing to vote on, or no such lane.
    """
    answers = exchange.answers
    if len(answers) < 2 or any(answer.running for answer in answers):
        raise InvalidRequest("There is nothing to vote on yet. Wait until every answer has ended.")
    if (verdict is Verdict.BETTER) != (best in {answer.lane for answer in answers}):
        raise InvalidRequest("A vote names the best answer, or says that there is none.", "vote")
    who = {answer.lane: models.get(answer.id, (answer.provider, answer.model)) for answer in answers}
    sides = tuple(Side(lane, *who[lane], _rank(verdict, lane == best)) for lane in sorted(who))
    return Vote(
        id=vote_id(exchange.prompt_id),
        conversation_id=conversation_id,
        turn=exchange.turn,
        created_at=time.time_ns() // 1_000_000,
        blind=exchange.blind,
        verdict=verdict,
        sides=sides,
        tags=checked_tags(tags),
        objection=objection(answers, sides, verdict, blind=exchange.blind, simulated=simulated),
    )


def vote_id(prompt_id: str) -> str:
    """The id of the vote on the answers to a prompt: there is one at most."""
    return sha256(f"vote {prompt_id}".encode()).hexdigest()[:32]


def objection(
    answers: Sequence[Answer],
    sides: Sequence[Side],
    verdict: Verdict,
    *,
    blind: bool,
    simulated: frozenset[str] = frozenset(),
) -> str:
    """Why a vote does not count, as a sentence; empty when it does."""
    if verdict is Verdict.NONE:
        return "The names were shown without a vote."
    if any(answer.state is not LaneState.DONE or answer.failure or not answer.text for answer in answers):
        return "An answer failed or was stopped."
    if len({side.key for side in sides}) < 2:
        return "All answers are of the same model."
    if any(side.provider in simulated for side in sides):
        return "A simulated provider took part."
    leaked = leak([answer.text for answer in answers], sides) if blind else ""
    return f"An answer told who wrote it: it says “{leaked}”." if leaked else ""


def leak(texts: Iterable[str], sides: Iterable[Side]) -> str:
    """The first word in the answers that tells, or may tell, who wrote one; empty when there is none."""
    names = {name for side in sides for name in _names_of(side)}
    words = "|".join(re.escape(word) for word in sorted({*TELLTALE, *names}, key=len, reverse=True))
    telling = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W\d_])", re.IGNORECASE)
    found = next((match for text in texts if (match := telling.search(text))), None)
    return found[0] if found else ""


def checked_tags(tags: Iterable[str], most: int = MOST_TAGS, of: str = "vote") -> tuple[str, ...]:
    """Tags as they are kept: short, in lower case, each once.

    Raises:
        InvalidRequest: too many of them.
    """
    cleaned = (" ".join(clean_text(tag[:200]).split()).lower()[:TAG_CHARACTERS].strip() for tag in tags)
    kept = tuple(dict.fromkeys(tag for tag in cleaned if not is_blank(tag)))
    if len(kept) > most:
        raise InvalidRequest(f"A {of} takes {most} tags at most.", "tags")
    return kept


def _rank(verdict: Verdict, best: bool) -> int:
    if verdict is Verdict.BETTER:
        return 1 if best else 2
    return 1 if verdict is Verdict.TIE else 2


def _names_of(side: Side) -> set[str]:
    """What a provider and its model may be called in a text; single letters and plain numbers tell nothing."""
    provider = side.provider.removeprefix("custom:")
    bare = side.model.rpartition("/")[2]
    names = {provider, side.model, bare}
    if provider == "local":  # an everyday word
        names.discard(provider)
    return {name for name in names if len(name) >= 3 and not name.isdigit()}
