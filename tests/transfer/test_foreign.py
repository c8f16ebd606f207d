"""ChatGPT's and Open WebUI's exports: their trees become ours, and what has no place here is counted."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.branches import Tree, files_of
from conductor_core.errors import InvalidRequest
from conductor_core.redaction import Redactor
from conductor_core.store.database import Store
from conductor_core.store.wholes import Whole
from conductor_core.transfer import foreign, form, pictures, reading
from conductor_core.transfer.moving import Transfer
from conductor_core.transfer.reading import Brought, read
from tests.files import PNG
from tests.transfer.files import chatgpt, chatgpt_node, open_webui, open_webui_message

DATA = f"data:image/png;base64,{b64encode(PNG).decode()}"
IMAGE = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}


def brought(*conversations: dict[str, Any]) -> Brought:
    return read(json.dumps(list(conversations)).encode())


def path(whole: Whole) -> list[str]:
    """What is shown, prompts and answers."""
    told = []
    for step in Tree(whole.messages).path():
        told += [step.prompt.content, *(answer.content for answer in step.answers.values())]
    return told


def test_chatgpts_tree_is_taken_over() -> None:
    """Edits, several answers, the path that was shown; times and models; hidden and system messages show nothing."""
    found = brought(
        chatgpt(
            chatgpt_node("s", "system", [""], "u1", "u1b"),
            chatgpt_node("u1", "user", ["How long?"], "a1", "a1b"),
            chatgpt_node("a1", "assistant", ["Long."], "u2", model_slug="gpt-4o"),
            chatgpt_node("u2", "user", ["And wide?"]),
            chatgpt_node("a1b", "assistant", ["Very long."], model_slug="gpt-5"),
            chatgpt_node("u1b", "user", ["How deep?"]),
            current="u2",
        )
    )
    [whole] = found.wholes
    tree = Tree(whole.messages)
    assert path(whole) == ["How long?", "Long.", "And wide?"]
    assert tree.branches == 3
    [first, _] = tree.path()
    assert [edit.content for edit in first.edits] == ["How long?", "How deep?"]
    assert [(one.content, one.facts["model"], one.version) for one in first.versions[0]] == [
        ("Long.", "gpt-4o", 0),
        ("Very long.", "gpt-5", 1),
    ]
    assert (whole.conversation.title, whole.conversation.created_at) == ("Rivers", 1_700_000_000_123)
    assert first.prompt.created_at == 1_700_000_000_500
    assert dict(+found.left_out) == {}


def test_pieces_and_thoughts_become_one_answer() -> None:
    """A thought, a tool's step and two pieces in a row are what one answer shows."""
    thoughts = chatgpt_node("t", "assistant", [], "call")
    thoughts["message"]["content"] = {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "Hm."}]}
    found = brought(
        chatgpt(
            chatgpt_node("u", "user", ["Look it up"], "t"),
            thoughts,
            chatgpt_node("call", "assistant", ["search()"], "tool", recipient="browser"),
            chatgpt_node("tool", "tool", ["result"], "a"),
            chatgpt_node("a", "assistant", ["First."], "b"),
            chatgpt_node("b", "assistant", ["Then."]),
            current="b",
        )
    )
    [whole] = found.wholes
    assert path(whole) == ["Look it up", "First.\n\nThen."]
    assert whole.messages[1].thinking == "Hm."
    assert dict(+found.left_out) == {"steps of tools": 2}


def test_what_has_no_place_is_counted() -> None:
    """Images, files, recordings, an answer to nothing, a conversation of nothing."""
    found = brought(
        chatgpt(
            chatgpt_node("u", "user", [IMAGE, IMAGE], "a", kind="multimodal_text", attachments=[{"id": "f"}]),
            chatgpt_node("a", "assistant", ["A river.", IMAGE], kind="multimodal_text"),
            current="a",
        ),
        chatgpt(chatgpt_node("x", "assistant", ["Hello!"]), id="c-2"),
        chatgpt(id="c-3"),
    )
    [whole] = found.wholes
    assert path(whole) == ["(an image that was not imported)", "A river."]
    assert dict(+found.left_out) == {
        pictures.ELSEWHERE: 3,
        pictures.FILES: 1,
        foreign.UNANSWERED: 1,
        "empty conversations": 2,
    }


def test_open_webuis_tree_is_taken_over() -> None:
    """Several models' answers to one prompt are its versions; thoughts are apart from the answer."""
    thought = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n> Hm.\n> Yes.\n</details>'
    )
    found = brought(
        open_webui(
            open_webui_message("u", None, "user", "How deep?", "a", "b", timestamp=1_700_000_001),
            open_webui_message("a", "u", "assistant", f"{thought}\nDeep.", model="llama3:8b"),
            open_webui_message("b", "u", "assistant", "Very.", model="qwen", files=[{"type": "image"}]),
            current="a",
        )
    )
    [whole] = found.wholes
    assert path(whole) == ["How deep?", "Deep."]
    [step] = Tree(whole.messages).path()
    assert step.answers[0].thinking == "Hm.\nYes."
    assert [one.facts["model"] for one in step.versions[0]] == ["llama3:8b", "qwen"]
    assert (whole.conversation.pinned, whole.conversation.created_at) == (True, 1_700_000_000_000)
    assert dict(+found.left_out) == {pictures.ELSEWHERE: 1}


def picture(url: Any) -> dict[str, Any]:
    return {"content_type": "image_asset_pointer", "asset_pointer": url}


async def test_images_that_are_in_the_file_come_along(store: Store) -> None:
    """With the prompt they belong to, under the same ids each time; what is elsewhere or unfit is counted."""
    svg = "data:image/svg+xml;base64," + b64encode(b"<svg/>").decode()
    gpt = chatgpt(
        chatgpt_node("u", "user", [picture(DATA), IMAGE, picture(svg), "Look"], "a", kind="multimodal_text"),
        chatgpt_node("a", "assistant", ["Seen.", picture(DATA)], "v", kind="multimodal_text"),
        chatgpt_node("v", "user", [picture(DATA)] * 11, kind="multimodal_text"),
        current="v",
    )
    webui = open_webui(
        open_webui_message("u", None, "user", "", "a", files=[{"type": "image", "url": DATA}, {"type": "file"}]),
        open_webui_message("a", "u", "assistant", "Seen.", files=[{"type": "image", "url": "/api/v1/files/1"}]),
    )
    found = brought(gpt, webui)
    first, second = found.wholes
    assert path(first) == ["Look", "Seen.", "(an image)"]
    assert path(second) == ["(an image)", "Seen."]
    assert dict(+found.left_out) == {
        pictures.ELSEWHERE: 2,
        pictures.IN_ANSWERS: 1,
        pictures.UNFIT: 2,
        pictures.FILES: 1,
    }
    assert {(one.name, one.media_type, one.data) for one in first.files} == {("image.png", "image/png", PNG)}
    assert (len(first.files), len(second.files)) == (11, 1)
    transfer = Transfer(store, Redactor())
    data = json.dumps([gpt, webui]).encode()
    assert (await transfer.bring(data)).files == 12
    assert (await transfer.bring(data)).already == 2
    asked = store.messages(first.conversation.id)[0]
    assert [one.data for one in store.attachments(files_of(asked))] == [PNG]
    assert read(b"".join(transfer.all())).wholes[0].files


async def test_the_same_export_twice_is_one(store: Store) -> None:
    """A later export brings only what is new."""
    rivers = chatgpt(chatgpt_node("u", "user", ["How long?"], "a"), chatgpt_node("a", "assistant", ["Long."]))
    transfer = Transfer(store, Redactor())
    report = await transfer.bring(json.dumps([rivers]).encode())
    assert (report.conversations, report.messages) == (1, 2)
    lakes = open_webui(open_webui_message("u", None, "user", "How deep?"))
    assert (await transfer.bring(json.dumps([rivers]).encode())).already == 1
    assert (await transfer.bring(json.dumps([rivers, lakes, lakes]).encode())).conversations == 1
    assert sorted(chat.title for chat in store.conversations("chat")) == ["Lakes", "Rivers"]
    assert [hit.conversation.title for hit in store.search("deep", "chat")] == ["Lakes"]
    exported = b"".join(transfer.all())
    assert read(exported).wholes[0].conversation.id


@pytest.mark.parametrize("nonsense", ["[1]", '{"a": 1}', '[{"mapping": 3}]', '"text"', "null"])
def test_another_file_is_refused(nonsense: str) -> None:
    """With what would be one."""
    with pytest.raises(
        InvalidRequest, match=r"conversations\.0: is no conversation of Conductor, ChatGPT or Open WebUI"
    ):
        read(nonsense.encode())


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of conversations, of messages in one and in all, and of their characters; each sentence has the bound."""
    one = chatgpt(chatgpt_node("u", "user", ["12345"], "a"), chatgpt_node("a", "assistant", ["12345"]))
    for module, name, value, said in (
        (reading, "MOST_CONVERSATIONS", 1, "conversations: the file has 2; the limit is 1."),
        (reading, "MOST_MESSAGES", 3, "messages: the file has 4; the limit is 3."),
        (reading, "MOST_BYTES", 19, "messages: together have more than 19 characters"),
        (foreign, "MOST_MESSAGES", 1, "conversations.0: has more than 1 messages"),
        (foreign, "MOST_BYTES", 9, "conversations.0: has more than 9 characters"),
        (foreign, "LONGEST_TEXT", 4, "conversations.0: a message has 5 characters; the limit is 4."),
    ):
        with monkeypatch.context() as bounded:
            bounded.setattr(module, name, value)
            with pytest.raises(InvalidRequest) as refused:
                brought(one, one | {"conversation_id": "c-2"})
            assert said in str(refused.value)
    assert form.MOST_MESSAGES == 10_000


def test_circles_and_long_chains_end() -> None:
    """A node that follows itself, and a hundred thousand steps in a row, which no recursion may walk."""
    circle = chatgpt(chatgpt_node("u", "user", ["x"], "a"), chatgpt_node("a", "assistant", ["y"], "u", "a"))
    assert len(brought(circle).wholes[0].messages) == 2
    steps = [chatgpt_node(f"n{number}", "tool", [], f"n{number + 1}") for number in range(100_000)]
    chain = chatgpt(chatgpt_node("u", "user", ["x"], "n0"), *steps, chatgpt_node("n100000", "assistant", ["end"]))
    assert path(brought(chain).wholes[0]) == ["x", "end"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
def test_nothing_breaks_the_reader(data: st.DataObject) -> None:
    """Any field of either format may hold anything: what is read is a tree of ours, or there is a sentence."""
    asked = chatgpt_node("u", "user", [picture(DATA), "x"], "a", kind="multimodal_text")
    gpt = chatgpt(asked, chatgpt_node("a", "assistant", ["y"]), current="a")
    webui = open_webui(
        open_webui_message("u", None, "user", "x", "a", files=[{"type": "image", "url": DATA}]),
        open_webui_message("a", "u", "assistant", "y"),
    )
    inner: list[dict[str, Any]] = [gpt, gpt["mapping"], gpt["mapping"]["u"], gpt["mapping"]["a"]["message"]]
    inner += [gpt["mapping"]["a"]["message"]["content"], webui, webui["chat"], webui["chat"]["history"]]
    inner += [gpt["mapping"]["u"]["message"]["content"], gpt["mapping"]["u"]["message"]["content"]["parts"][0]]
    inner += [webui["chat"]["history"]["messages"]["u"]["files"][0]]
    inner += [webui["chat"]["history"]["messages"], webui["chat"]["history"]["messages"]["a"]]
    place = data.draw(st.sampled_from(inner))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(anything)
    with suppress(InvalidRequest):
        for whole in read(json.dumps([gpt, webui]).encode()).wholes:
            assert path(whole)
