"""Our own document: everything goes through it and comes back the same, whatever the texts are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.attachments import File, noted
from conductor_core.branches import files_of
from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import LaneState, MergeKind, Verdict
from conductor_core.redaction import Redactor
from conductor_core.store.database import Store
from conductor_core.store.wholes import Whole
from conductor_core.text import clean_text
from conductor_core.transfer.document import document
from conductor_core.transfer.moving import Transfer
from conductor_core.transfer.reading import read
from conductor_core.turns import LaneSetup
from tests.files import PNG, pdf
from tests.installation import KEY, installation
from tests.store.rows import answer, conversation, message
from tests.upstream import Upstream

PDF = pdf("Rivers run", "to the sea")
SETTINGS: dict[str, Any] = {"lanes": [LaneSetup().model_dump()]}


@pytest.fixture
async def conductor(tmp_path: Path) -> AsyncIterator[Conductor]:
    async with Upstream() as upstream, installation(tmp_path / "from", upstream) as opened:
        yield opened


async def lived(conductor: Conductor) -> None:
    """A pinned chat with branches, a failure, a thought, files and a fork; a comparison with a vote, one without."""
    conversations = conductor.conversations
    openai = LaneSetup(provider="openai", model="any")
    turn = await conversations.start_turn("First\n\n# مرحبا", [openai], files=[File("a.png", PNG), File("b.pdf", PDF)])
    await turn.wait()
    chat = turn.conversation_id
    for text, model in (("Second", "any-thinking"), ("Third", "any-status-500")):
        turn = await conversations.start_turn(
            text, [LaneSetup(provider="anthropic", model=model)], conversation_id=chat
        )
        await turn.wait()
    await (await conversations.answer_again(chat, {0: openai})).wait()
    first = conversations.transcript(chat).exchanges[0].prompt_id
    await (await conversations.start_turn("Edited", [openai], conversation_id=chat, instead_of=first)).wait()
    await (await conversations.start_turn("Pick", [LaneSetup()], conversation_id=chat)).wait()
    lanes = [openai, LaneSetup(provider="anthropic", model="any")]
    for verdict in (Verdict.TIE, None):
        turn = await conversations.start_turn("Which?", lanes, kind="compare", blind=True)
        await turn.wait()
        if verdict:
            await conductor.vote(turn.conversation_id, 0, verdict, tags=["code"])
            await (await conductor.comparisons.merge(turn.conversation_id, 0, MergeKind.FUSE, openai)).wait()
    await conversations.fork(chat, conversations.transcript(chat).exchanges[0].answers[0].id)
    await conductor.store.pin(chat, True)


def without_date(exported: bytes) -> bytes:
    head, _, rest = exported.partition(b"\n")
    assert b'"exported_at":"20' in head
    return rest


async def test_a_round_trip_changes_nothing(conductor: Conductor, store: Store) -> None:
    """Out of a lived-in installation, into an empty one on either database, and out again: equal byte by byte."""
    await lived(conductor)
    exported = b"".join(conductor.transfer.all())
    other = Transfer(store, Redactor())
    report = await other.bring(exported)
    assert (report.conversations, report.already, report.files, dict(report.left_out)) == (4, 0, 4, {})
    again = b"".join(other.all())
    assert without_date(again) == without_date(exported)
    told = orjson.loads(exported)["conversations"]
    assert report.messages == sum(len(one["messages"]) for one in told)
    assert [hit.conversation.kind for hit in store.search("which", "compare")] == ["compare"] * 4
    assert len(store.votes()) == 1
    assert [chat.pinned for chat in store.conversations("chat")] == [True, False]
    for chat in store.conversations("chat"):
        [asked, *_] = [one for one in store.messages(chat.id) if one.facts.get("files")]
        kept = store.attachments(files_of(asked))
        assert [(one.name, one.data) for one in kept] == [("a.png", PNG), ("b.pdf", b"Rivers run\nto the sea\n")]
        assert asked.facts["files"] == [noted(one) for one in kept]


async def test_the_same_file_again_adds_nothing(conductor: Conductor, store: Store) -> None:
    """What is here stays as it is, also where it was changed since; what is not comes."""
    await lived(conductor)
    exported = b"".join(conductor.transfer.all())
    other = Transfer(store, Redactor())
    await other.bring(exported)
    chat = store.conversations("chat")[0]
    await store.rename(chat.id, "Another title")
    await store.delete(store.conversations("compare")[0].id)
    report = await other.bring(exported)
    assert (report.conversations, report.already) == (1, 3)
    assert store.conversation(chat.id).title == "Another title"
    assert (await other.bring(exported)).conversations == 0
    assert len(store.votes()) == len([vote for vote in store.votes() if vote.conversation_id]) == 1


async def test_one_conversation_is_a_document_too(conductor: Conductor, store: Store) -> None:
    """With the facts of its answers: who, how fast, at what price."""
    await lived(conductor)
    chat = conductor.store.conversations("chat")[0]
    exported = conductor.transfer.whole(chat.id)
    assert (await Transfer(store, Redactor()).bring(exported)).conversations == 1
    answers = [m for m in orjson.loads(exported)["conversations"][0]["messages"] if m["role"] == "assistant"]
    assert answers[0]["facts"]["model"]
    assert answers[0]["facts"]["figures"]["latency_ms"] > 0


async def test_an_answer_that_runs_is_told_as_interrupted(conductor: Conductor) -> None:
    """As far as it has come; the export disturbs nothing."""
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="openai", model="any-silent")])
    told = orjson.loads(conductor.transfer.whole(turn.conversation_id))["conversations"][0]["messages"]
    assert [message["state"] for message in told] == ["done", "interrupted"]
    turn.stop()
    await turn.wait()


async def test_no_key_of_ours_goes_out(conductor: Conductor) -> None:
    """Where somebody sent one, it is masked; what merely looks like a key is what was written."""
    text = f"{KEY} and api_key=something-else"
    turn = await conductor.conversations.start_turn(text, [LaneSetup(provider="openai", model="any")])
    await turn.wait()
    exported = b"".join(conductor.transfer.all())
    assert KEY.encode() not in exported
    assert b"[key] and api_key=something-else" in exported


nasty = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["\0", "\ud800", "\udfff\ud800", "\u202eevil\u202c", "شكرا", "</script>", "𝕏" * 50, "\r\n", "x" * 100_000]
)


@given(prompt=nasty, said=nasty, thought=nasty, title=nasty)
def test_any_text_goes_through(prompt: str, said: str, thought: str, title: str) -> None:
    """Out as UTF-8; in with what no database stores taken out; then out the same."""
    chat = conversation(title=clean_text(title)[:200] or "x", settings=SETTINGS)
    asked = message(chat.id, content=clean_text(prompt))
    given = answer(chat.id, content=clean_text(said), thinking=clean_text(thought), parent=asked.id)
    exported = b"".join(document([Whole(chat, [asked, given])], lambda text: text))
    [whole] = read(exported).wholes
    assert whole.messages == [asked, given]
    raw = orjson.loads(exported)
    raw["conversations"][0]["messages"][0]["content"] = prompt
    [whole] = read(json.dumps(raw).encode()).wholes
    assert whole.messages[0].content == clean_text(prompt)


def exported(**changes: Any) -> dict[str, Any]:
    chat = conversation(settings=SETTINGS)
    asked = message(chat.id)
    given = answer(chat.id, parent=asked.id)
    told: dict[str, Any] = orjson.loads(b"".join(document([Whole(chat, [asked, given])], lambda text: text)))
    told["conversations"][0] |= changes
    return told


def refusal(told: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        read(json.dumps(told).encode())
    return str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("kind", "other", "conversations.0.kind: Input should be 'chat' or 'compare'"),
        ("title", "x" * 201, "conversations.0.title: String should have at most 200 characters"),
        ("created_at", 10**15, "conversations.0.created_at: Input should be less than or equal to 253370764800000"),
        ("settings", {}, "conversations.0.settings.lanes: Field required"),
        ("settings", {"lanes": [{"provider": "../x"}]}, "conversations.0.settings.lanes.0.provider"),
        ("votes", [{}], "conversations.0.votes.0.turn: Field required"),
        ("more", 1, "conversations.0.more: Extra inputs are not permitted"),
        ("created_at", 2**60, "outside ±2^53"),
    ],
)
def test_a_field_out_of_its_bounds_is_named(field: str, value: Any, said: str) -> None:
    """With the bound."""
    assert said in refusal(exported(**{field: value}))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", "../../etc/passwd", "messages.1.id: String should match pattern"),
        ("parent", "f" * 32, "messages.1.parent: must be the id of a message of this conversation"),
        ("role", "system", "messages.1.role: Input should be"),
        ("state", LaneState.STREAMING, "state must be one that has ended"),
        ("turn", 1, "messages.1.parent: must name the prompt of its own turn"),
        ("turn", -1, "messages.1.turn: Input should be greater than or equal to 0"),
        ("facts", {"receipt": {}}, "messages.1.facts.receipt.sentence: Field required"),
        ("facts", {"failure": {"sentence": "x", "detail": "", "kind": "y"}}, "messages.1.facts.failure.kind"),
        ("facts", {"figures": {"latency_ms": -1}}, "messages.1.facts.figures.latency_ms"),
        ("facts", {"order": ["a"]}, "messages.1.facts.order.0"),
    ],
)
def test_a_message_that_does_not_fit_is_named(field: str, value: Any, said: str) -> None:
    """Wherever it is in the file."""
    told = exported()
    told["conversations"][0]["messages"][1][field] = value
    assert said in refusal(told)


def test_depth_is_bounded() -> None:
    """Of what is kept as it is."""
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    told = exported()
    told["conversations"][0]["messages"][1]["facts"] = {"x": deep}
    assert "deeper than 64 levels" in refusal(told)


def test_ids_and_versions_are_checked() -> None:
    """Twice the same conversation, a message that follows itself, a version of the future."""
    told = exported()
    twice = told | {"conversations": told["conversations"] * 2}
    assert "is there twice" in refusal(twice)
    prompt = told["conversations"][0]["messages"][0]
    prompt["parent"] = prompt["id"]
    assert "must name a message of an earlier turn" in refusal(told)
    assert "version: this Conductor reads versions 1 to 2" in refusal(told | {"version": 3})
    assert "version: this Conductor reads versions 1 to 2" in refusal(told | {"version": True})
    assert "conversations: must be a list" in refusal(told | {"conversations": {}})


async def test_what_is_refused_leaves_nothing(store: Store) -> None:
    """A good conversation before the bad one is not taken either; nor is a message's id of another one here."""
    transfer = Transfer(store, Redactor())
    good, bad = exported(), exported(title="")
    both = good | {"conversations": good["conversations"] + bad["conversations"]}
    with pytest.raises(InvalidRequest):
        await transfer.bring(json.dumps(both).encode())
    assert store.conversations("chat") == []
    await transfer.bring(json.dumps(good).encode())
    stolen = exported()
    stolen["conversations"][0]["messages"][1]["id"] = good["conversations"][0]["messages"][1]["id"]
    with pytest.raises(InvalidRequest, match="another conversation here"):
        await transfer.bring(json.dumps(stolen).encode())
    assert len(store.conversations("chat")) == 1
