"""Files that go with a message: read by their content, sent in each dialect's form, kept with their conversation."""

from __future__ import annotations

import asyncio
import json
import zipfile
from base64 import b64encode
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core import attachments
from conductor_core.attachments import File, Shelf, image_type, read_all, shown_name
from conductor_core.child import bare_environment
from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import LaneState
from conductor_core.prompt import ImagePart, TextPart
from conductor_core.store.records import Attachment
from conductor_core.turns import LaneSetup
from tests.files import PNG, pdf
from tests.installation import KEY, installation
from tests.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream, GEMINI_API_KEY=KEY, GEMINI_BASE_URL=upstream.url) as opened:
        yield opened


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "media_type", "kept"),
    [
        ("pixel.png", PNG, "image/png", PNG),
        ("really-a-picture.txt", PNG, "image/png", PNG),
        ("photo.jpg", b"\xff\xd8\xff\xe0rest", "image/jpeg", b"\xff\xd8\xff\xe0rest"),
        ("old.gif", b"GIF89arest", "image/gif", b"GIF89arest"),
        ("new.webp", b"RIFF1234WEBPrest", "image/webp", b"RIFF1234WEBPrest"),
        ("notes.md", b"\xef\xbb\xbf# R\xc3\xado", "text/plain", "# Río".encode()),
        ("windows.txt", "Río".encode("utf-16"), "text/plain", "Río".encode()),
        ("paper.pdf", pdf("Rivers run", "to the sea"), "text/plain", b"Rivers run\nto the sea\n"),
    ],
)
async def test_what_a_file_is_its_content_says(name: str, data: bytes, media_type: str, kept: bytes) -> None:
    [read] = await read_all([File(name, data)])
    assert (read.name, read.media_type, read.data) == (name, media_type, kept)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("nothing.txt", b"", "nothing.txt is empty"),
        ("blank.txt", b" \n ", "holds no text"),
        ("archive.zip", zipped(), "neither a text nor an image"),
        ("program.txt", b"MZ\x90\x00\x03\xff", "neither a text nor an image"),
        ("latin.txt", b"R\xedo", "neither a text nor an image"),
        ("scan.pdf", pdf(), "holds no text. If it is a scan"),
        ("broken.pdf", b"%PDF-1.4\nand nothing that follows", "can't be read as a PDF"),
        ("huge.png", PNG + bytes(attachments.IMAGE_BYTES), "an image may have 5,000,000"),
        ("huge.txt", b"x" * (attachments.FILE_BYTES + 1), "a file may have 10,000,000"),
        ("long.txt", b"x" * (attachments.TEXT_CHARACTERS + 1), "a text may have 500,000"),
    ],
)
async def test_what_can_not_be_taken_is_refused_by_name(name: str, data: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        await read_all([File("good.txt", b"good"), File(name, data)])
    assert name in str(caught.value)
    assert caught.value.field == "files"


async def test_a_message_takes_ten_files() -> None:
    with pytest.raises(InvalidRequest, match="There are 11 files; a message takes at most 10"):
        await read_all([File("a.txt", b"a")] * 11)


async def test_a_pdf_that_is_never_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "PDF_SECONDS", 0.01)
    with pytest.raises(InvalidRequest, match="could not be read within"):
        await read_all([File("slow.pdf", pdf("Rivers"))])


async def test_the_reader_of_pdfs_needs_no_folder_and_gets_no_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wherever Conductor was started, and whatever its environment holds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "OPENAI_API_KEY" not in bare_environment()
    [read] = await read_all([File("paper.pdf", pdf("Rivers run"))])
    assert read.data == b"Rivers run\n"


async def test_the_same_file_read_twice_at_once_counts_once() -> None:
    """Else the shelf would take itself for full, and at last give away what it has not."""
    half = attachments.KEPT_BYTES // 2
    shelf = Shelf(lambda ids: [Attachment(id, "", "a.png", "image/png", bytes(half)) for id in ids])
    await asyncio.gather(*(shelf.parts(["a"]) for _ in range(8)))
    assert set(await shelf.parts(["a"])) == {"a"}
    assert shelf._bytes == half


@given(st.text(max_size=400))
def test_a_name_is_never_a_path_and_never_long(name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= attachments.NAME_CHARACTERS
    assert not {"/", "\\", "\0", "\n", "\u202e"} & set(shown)


@given(st.binary(max_size=64))
def test_only_images_are_images(data: bytes) -> None:
    assert image_type(data) in ("", "image/png", "image/jpeg", "image/gif", "image/webp")


async def test_the_shelf_keeps_what_was_used_last() -> None:
    """What does not fit is read again."""
    asked: list[str] = []
    half = attachments.KEPT_BYTES // 2

    def read(ids: object) -> list[Attachment]:
        assert isinstance(ids, list)
        asked.extend(ids)
        return [Attachment(id, "", "a.png", "image/png", bytes(half)) for id in ids]

    shelf = Shelf(read)
    for id in ("a", "b", "a", "c", "a", "b"):
        assert set(await shelf.parts([id])) == {id}
    assert asked == ["a", "b", "c", "b"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
async def test_each_dialect_sends_a_picture_and_a_text(conductor: Conductor, upstream: Upstream, provider: str) -> None:
    """In the form its API wants, at this turn and at the next one."""
    lanes = [LaneSetup(provider=provider)]
    files = [File("pixel.png", PNG), File("notes.txt", b"Rivers run")]
    turn = await conductor.conversations.start_turn("What is this?", lanes, files=files)
    await turn.wait()
    assert turn.lanes[0].state is LaneState.DONE, turn.lanes[0].failure
    first = upstream.last.body
    follow = await conductor.conversations.start_turn("And now?", lanes, conversation_id=turn.conversation_id)
    await follow.wait()
    for body in (first, upstream.last.body):
        sent, picture = json.dumps(body), b64encode(PNG).decode()
        assert "File notes.txt:" in sent
        assert sent.index(picture) < sent.index("Rivers run") < sent.index("What is this?")
    told = conductor.conversations.transcript(turn.conversation_id).exchanges[0].files
    assert [(file.name, file.media_type, file.size) for file in told] == [
        ("pixel.png", "image/png", len(PNG)),
        ("notes.txt", "text/plain", 10),
    ]


async def test_a_provider_that_takes_no_images_is_not_asked(conductor: Conductor, upstream: Upstream) -> None:
    """By name it is a sentence; AUTO passes it over and says so. A text goes to anybody."""
    before = len(upstream.requests)
    refused = await conductor.conversations.start_turn(
        "Look", [LaneSetup(provider="local")], files=[File("a.png", PNG)]
    )
    await refused.wait()
    failure = refused.lanes[0].failure
    assert failure is not None
    assert "takes no images. Choose another provider" in failure.sentence
    assert len(upstream.requests) == before
    auto = await conductor.conversations.start_turn("Look", [LaneSetup()], files=[File("a.png", PNG)])
    await auto.wait()
    assert auto.lanes[0].state is LaneState.DONE
    assert ("local", "It takes no images.") in [
        (passed["provider"], passed["reason"]) for passed in (auto.lanes[0].receipt or {})["passed_over"]
    ]


async def test_files_live_as_long_as_their_conversation(conductor: Conductor, tmp_path: Path) -> None:
    """An edit has its prompt's; a fork has copies of its own; deleting leaves nothing."""
    talk = conductor.conversations
    turn = await talk.start_turn("Look", [LaneSetup(provider="openai")], files=[File("secret.txt", b"canary-7f3a")])
    await turn.wait()
    edit = await talk.start_turn(
        "Look again", [LaneSetup(provider="openai")], conversation_id=turn.conversation_id, instead_of=turn.prompt_id
    )
    await edit.wait()
    [exchange] = talk.transcript(turn.conversation_id).exchanges
    [file] = exchange.files
    assert exchange.prompt == "Look again"
    fork = await talk.fork(turn.conversation_id, exchange.answers[0].id)
    [copy] = talk.transcript(fork).exchanges[0].files
    assert copy.id != file.id
    await talk.delete(turn.conversation_id)
    assert conductor.store.attachments([file.id]) == []
    assert [one.data for one in conductor.store.attachments([copy.id])] == [b"canary-7f3a"]
    await talk.delete(fork)
    assert not any(b"canary-7f3a" in path.read_bytes() for path in tmp_path.rglob("conductor.db*"))


async def test_parts_keep_their_order_and_kind() -> None:
    [text, image] = await read_all([File("a.txt", b"a"), File("b.png", PNG)])
    assert attachments.part_of(text) == TextPart("File a.txt:\n\na\n\n")
    assert attachments.part_of(image) == ImagePart("image/png", PNG)
