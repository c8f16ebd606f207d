"""Files as they come: zips and bombs, broken and deep ones; each is read within bounds or refused with a sentence."""

from __future__ import annotations

import io
import zipfile

import pytest

from conductor_core.errors import InvalidRequest
from conductor_core.transfer import file
from conductor_core.transfer.file import contents


def zipped(**files: bytes) -> bytes:
    """A zip; `__` in a name stands for a slash, `_` before json for the dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_json", ".json"), data)
    return packed.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        contents(data)
    assert refused.value.field == "file"
    return str(refused.value)


def test_json_is_read_as_it_is_and_out_of_a_zip() -> None:
    """Also with a byte order mark, and in several files of one zip, in their order."""
    assert contents(b"[1]") == [[1]]
    assert contents(b"\xef\xbb\xbf[1]") == [[1]]
    assert contents(zipped(conversations_json=b"[1]", user_json=b"[2]", chat_html=b"x")) == [[1]]
    several = zipped(**{"export__conversations-001_json": b"[2]", "export__conversations-000_json": b"[1]"})
    assert contents(several) == [[1], [2]]
    assert contents(zipped(mine_json=b"[3]")) == [[3]]
    assert contents(b'["\\ud83d"]') == [["\ud83d"]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON: Expecting property name enclosed in double quotes, line 1, column 2"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"[" * 100_000, "nested too deep: the limit is about 1,000 levels"),
        (b"[NaN]", "holds a number that JSON does not have"),
        (b"[" + b"9" * 5_000 + b"]x", "holds a number"),
        (b"PK\x03\x04", "is a damaged zip"),
        (b"\x80\x04\x95.", "is no text in UTF-8"),
        (zipped(a_json=b"1", b_json=b"2"), "is a zip without a conversations.json"),
        (zipped(conversations_json=b"x" * 99)[:-30], "is a damaged zip"),
    ],
)
def test_what_can_not_be_read_is_refused(data: bytes, said: str) -> None:
    """With the reason; never with a fault of ours."""
    assert said in refusal(data)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the file, and of what unpacks from it, whatever sizes its directory tells."""
    monkeypatch.setattr(file, "MOST_BYTES", 10_000)
    assert "the limit is" in refusal(b" " * 10_001)
    assert "unpacks to more than" in refusal(zipped(conversations_json=b"[" + b" " * 10_000 + b"]"))
    halves = {f"conversations-{number}_json": b" " * 6_000 for number in range(2)}
    assert "unpacks to more than" in refusal(zipped(**halves))


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    """A directory that tells a small size for a large file: no more than that is unpacked, and it does not add up."""
    bomb = bytearray(zipped(conversations_json=b" " * 5_000_000))
    entry = bomb.rfind(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    assert "is a damaged zip" in refusal(bytes(bomb))


def test_a_directory_of_millions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read."""
    monkeypatch.setattr(file, "_MOST_DIRECTORY_BYTES", 1_000)
    many = zipped(conversations_json=b"[]", **{f"file{number}": b"" for number in range(100)})
    assert "too many files" in refusal(many)


def test_an_encrypted_zip_is_refused() -> None:
    """With what to do instead."""
    locked = bytearray(zipped(conversations_json=b"[]"))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = locked.find(sign) + offset
        locked[at] |= 1
    assert "encrypted" in refusal(bytes(locked))
