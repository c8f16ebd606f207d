"""Files in our own document: each content once, back as it was, and nothing that could not have been attached."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core import attachments
from conductor_core.attachments import TEXT, noted
from conductor_core.errors import InvalidRequest
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from conductor_core.store.records import Attachment
from conductor_core.store.wholes import Whole
from conductor_core.text import clean_text, is_blank
from conductor_core.transfer import file, files, reading
from conductor_core.transfer.document import document
from conductor_core.transfer.moving import Transfer
from conductor_core.transfer.reading import read
from conductor_core.turns import LaneSetup
from tests.files import PNG
from tests.store.rows import answer, conversation, fresh_id, message

VERSION_1 = Path(__file__).parent / "version-1.json"
SETTINGS: dict[str, Any] = {"lanes": [LaneSetup().model_dump()]}
JPEG = b"\xff\xd8\xff\xe0"

texts = (
    st.text().map(clean_text).filter(lambda text: not is_blank(text)) | st.just("\ufeff# R\u00edo") | st.just("%PDF-")
)
contents = st.one_of(
    texts.map(lambda text: (TEXT, text.encode())),
    st.binary(max_size=300).map(lambda rest: ("image/png", PNG + rest)),
    st.binary(max_size=300).map(lambda rest: ("image/jpeg", JPEG + rest)),
)


def whole(*attached: Attachment, title: str = "Rivers") -> Whole:
    """A prompt with files, an edit of it with the same ones, and an answer to each."""
    chat = conversation(title=title, settings=SETTINGS)
    here = [replace(one, conversation_id=chat.id) for one in attached]
    facts = {"files": [noted(one) for one in here]} if here else {}
    said = []
    for turn in range(2):
        asked = message(chat.id, turn=turn, facts=dict(facts))
        said += [asked, answer(chat.id, turn=turn, parent=asked.id)]
    return Whole(chat, said, files=here)


def attachment(data: bytes, media_type: str = TEXT, name: str = "notes.txt") -> Attachment:
    return Attachment(fresh_id(), "", name, media_type, data)


def exported(*wholes: Whole) -> dict[str, Any]:
    by_id = {one.id: one for whole in wholes for one in whole.files}
    told: dict[str, Any] = orjson.loads(b"".join(document(wholes, str, by_id.get)))
    return told


@settings(max_examples=15)
@given(st.lists(st.lists(contents, max_size=4), min_size=1, max_size=3))
def test_what_goes_out_comes_back(store: Store, attached: list[list[tuple[str, bytes]]]) -> None:
    """Out of a database, deleted, in and out again, on either: byte by byte, as each was kept."""
    wholes = [whole(*(attachment(data, media) for media, data in some)) for some in attached]
    store.add(wholes).result(10)
    transfer = Transfer(store, Redactor())
    lines = [transfer.whole(one.conversation.id).partition(b"\n")[2] for one in wholes]
    everything = b"".join(transfer.all())
    for one in wholes:
        store.delete(one.conversation.id).result(10)
        assert store.attachments([kept.id for kept in one.files]) == []
    brought = read(everything)
    assert brought.wholes == sorted(wholes, key=lambda one: (one.conversation.created_at, one.conversation.id))
    store.add(brought.wholes).result(10)
    assert [transfer.whole(one.conversation.id).partition(b"\n")[2] for one in wholes] == lines
    for one in wholes:
        assert store.attachments([kept.id for kept in one.files]) == one.files
        store.delete(one.conversation.id).result(10)


def test_each_content_is_there_once() -> None:
    """However many messages and conversations have it, and under whatever name."""
    first, second = attachment(PNG, "image/png", "a.png"), attachment(PNG, "image/png", "b.png")
    told = exported(whole(first), whole(second, attachment(b"notes")))
    assert json.dumps(told).count(b64encode(PNG).decode()) == 1
    [one, other] = (conversation["files"][0] for conversation in told["conversations"])
    assert (one["name"], other["name"], other["same_as"]) == ("a.png", "b.png", first.id)
    again = read(json.dumps(told).encode()).wholes
    assert [(kept.id, kept.data) for kept in again[1].files] == [(second.id, PNG), (again[1].files[1].id, b"notes")]


def test_one_file_is_in_memory_at_a_time() -> None:
    """The next is asked for when what is before it was handed on; a conversation without files is one piece."""
    some = whole(*(attachment(b"%d" % number) for number in range(5)))
    asked: list[str] = []

    def reads(id: str) -> Attachment | None:
        asked.append(id)
        return next(one for one in some.files if one.id == id)

    counts = [len(asked) for _ in document([some, whole()], str, reads)]
    assert counts == [0, 1, 2, 3, 4, 5, 5, 5, 5]


def test_a_file_that_is_gone_is_not_named() -> None:
    """Its conversation was erased while it was told: what is left can be imported."""
    some = whole(attachment(b"here"), attachment(b"gone"))
    told = b"".join(document([some], str, {some.files[0].id: some.files[0]}.get))
    [found] = read(told).wholes
    assert [kept.data for kept in found.files] == [b"here"]
    assert found.messages[0].facts["files"] == [noted(some.files[0])]


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["files"][0].update(data="%"), "in “Rivers”, message 1: the data of notes.txt is no base64."),
        (lambda one: one["files"][0].update(data=""), "in “Rivers”, message 1: notes.txt is empty."),
        (lambda one: one["files"][0].update(data="/9j/"), "message 1: notes.txt is neither a text nor an image."),
        (lambda one: one["files"][0].update(media_type="image/png"), "notes.txt is not what it is said to be"),
        (lambda one: one["files"][0].update(media_type="image/svg+xml"), "files.0.media_type: Input should be"),
        (lambda one: one["files"][0].update(id="../x"), "conversations.0.files.0.id: String should match pattern"),
        (lambda one: one["files"][0].update(same_as="a" * 32), "must have either data or same_as"),
        (lambda one: one["files"][0].pop("data"), "must have either data or same_as"),
        (lambda one: one["files"].append(one["files"][0]), "conversations.0.files.1: the id"),
        (lambda one: one["files"].clear(), "in “Rivers”, message 1 names a file that is not there"),
        (lambda one: one.update(files={}), "conversations.0.files: must be a list"),
        (lambda one: [message["facts"].pop("files", 0) for message in one["messages"]], "no message names notes.txt"),
        (lambda one: one["messages"][0]["facts"].update(files=["a" * 32] * 11), "at most 10 items"),
        (lambda one: one["messages"][1]["facts"].update(files=["a" * 32]), "files must go with a prompt"),
    ],
)  # fmt: skip
async def test_what_could_not_have_been_attached_is_refused(store: Store, change: Change, said: str) -> None:
    """With a sentence that names conversation, message and file; nothing of the others is taken either."""
    told = exported(whole(attachment(b"first")), whole(attachment(b"Rivers run")))
    told["conversations"].reverse()
    change(told["conversations"][0])
    with pytest.raises(InvalidRequest) as refused:
        await Transfer(store, Redactor()).bring(json.dumps(told).encode())
    assert said in str(refused.value)
    assert store.conversations("chat") == []


async def test_sizes_and_counts_are_those_of_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image beyond what a message takes, a text, and more files than a document may have."""
    for module, name, value, data, media, said in (
        (attachments, "IMAGE_BYTES", 50, PNG, "image/png", "an image may have 50"),
        (attachments, "TEXT_CHARACTERS", 3, b"four", TEXT, "a text may have 3"),
        (files, "MOST_FILES", 1, b"four", TEXT, "files: the file has more than 1, the limit."),
    ):
        told = exported(whole(attachment(data, media)), whole(attachment(data, media)))
        with monkeypatch.context() as bounded:
            bounded.setattr(module, name, value)
            with pytest.raises(InvalidRequest, match=said):
                read(json.dumps(told).encode())


async def test_an_id_of_a_file_here_is_refused(store: Store) -> None:
    """It belongs to another conversation."""
    transfer, one = Transfer(store, Redactor()), whole(attachment(b"first"))
    store.add([one]).result(10)
    other = whole(replace(attachment(b"second"), id=one.files[0].id))
    with pytest.raises(InvalidRequest, match="a file of another conversation here"):
        await transfer.bring(json.dumps(exported(other)).encode())


async def test_the_first_version_is_still_read(store: Store) -> None:
    """A file that was exported before there were files in it; what somebody wrote into it of files is passed over."""
    report = await Transfer(store, Redactor()).bring(VERSION_1.read_bytes())
    assert (report.conversations, report.files) == (4, 0)
    assert [one.content for one in store.messages(store.conversations("chat")[0].id)][:1] == ["First\n\n# مرحبا"]
    told = orjson.loads(VERSION_1.read_bytes())
    told["conversations"][0]["messages"][0]["facts"]["files"] = [{"id": "x", "name": "notes.txt"}]
    assert read(json.dumps(told).encode()).wholes == read(VERSION_1.read_bytes()).wholes


def test_a_document_is_read_a_line_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was exported it may be larger than what is read as a whole; written otherwise it is the same."""
    some = [whole(attachment(b"one"), title="A"), whole(attachment(b"one"), title="B")]
    by_id = {one.id: one for whole in some for one in whole.files}
    data = b"".join(document(some, str, by_id.get))
    assert read(json.dumps(orjson.loads(data), indent=1).encode()).wholes == read(data).wholes == some
    assert read(data.replace(b"\n", b"\r\n")).wholes == some
    monkeypatch.setattr(file, "MOST_BYTES", 100)
    assert read(data).wholes == some
    for broken, said in (
        (data[:-4], "breaks off"),
        (data[:-100], "is no JSON: .*, line 3"),
        (data.replace(b'"version":2', b'"version":9'), "version: this Conductor reads versions 1 to 2"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            read(broken)
    with monkeypatch.context() as bounded:
        bounded.setattr(reading, "MOST_CONVERSATIONS", 1)
        with pytest.raises(InvalidRequest, match="conversations: the file has more than 1"):
            read(data)
    monkeypatch.setattr(file, "MOST_BYTES_IN_LINES", 100)
    with pytest.raises(InvalidRequest, match="the limit is 0 MB"):
        read(data)


KEY = "canary=7f3e+b21c09d4a5e6"
FORMS = (KEY, quote(KEY, safe=""), json.dumps(KEY), b64encode(KEY.encode()).decode())
TRACES = ("canary=7f3e", "canary%3D7f3e", "b21c09d4", FORMS[-1][:16])
"""Enough of any form to know it by."""


def test_no_key_goes_out_in_a_file(store: Store) -> None:
    """Not in a text, its name or beside an image's pixels, in whatever form; what else an image has stays."""
    redactor = Redactor()
    redactor.learn(Secret(KEY))
    some = whole(
        attachment(" ".join(FORMS).encode(), name=f"{KEY}.txt"),
        attachment(PNG + b"|".join(form.encode() for form in FORMS) + b"end", "image/png", "a.png"),
    )
    store.add([some]).result(10)
    transfer = Transfer(store, redactor)
    out = b"".join(transfer.all())
    told = orjson.loads(out)["conversations"][0]["files"]
    kept = [b64decode(one["data"]) for one in told]
    assert kept[1].startswith(PNG)
    assert kept[1].endswith(b"end")
    assert len(kept[1]) == len(some.files[1].data)
    for data in (out, *kept):
        for trace in TRACES:
            assert trace.encode() not in data
    [again] = read(out).wholes
    assert [one.data for one in again.files] == kept
