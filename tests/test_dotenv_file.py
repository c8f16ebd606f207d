"""One `.env` file on a real disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.dotenv_file import DotenvFile
from conductor_core.errors import SettingsError

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=40)


def written(path: Path, text: str | bytes) -> DotenvFile:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return DotenvFile.read(path)


def test_reads_what_other_editors_write(tmp_path: Path) -> None:
    """A BOM, Windows newlines, tabs, `export`, quotes, comments and blank lines are no obstacle; lines are right."""
    text = "\ufeff# first\r\n\r\n\r\n\tA\t=\t1\r\nexport B='two words' # why\r\nC=$A\r\n"
    file = written(tmp_path / ".env", text)
    assert file.values == {"A": "1", "B": "two words", "C": "$A"}
    assert file.lines == {"A": 4, "B": 5, "C": 6}


def test_a_missing_file_has_no_variables(tmp_path: Path) -> None:
    """Nobody has to have a `.env` file."""
    assert DotenvFile.read(tmp_path / ".env").values == {}


def test_names_the_line_it_can_not_read(tmp_path: Path) -> None:
    """A broken line is refused by file and line, without what stands on it."""
    with pytest.raises(SettingsError, match=r"\.env:3: .*NAME=value") as refusal:
        written(tmp_path / ".env", "A=1\n\nKEY='sk-never-closed\nB=2\n")
    assert "sk-never" not in str(refusal.value)


def test_refuses_what_is_not_text(tmp_path: Path) -> None:
    """A file saved as UTF-16 is refused with what to do, not read as garbage."""
    with pytest.raises(SettingsError, match="UTF-8"):
        written(tmp_path / ".env", "A=ü".encode("utf-16"))


def test_changes_only_its_own_lines(tmp_path: Path) -> None:
    """Comments, order, blank lines and other variables stay as they were written."""
    file = written(tmp_path / ".env", '# mine\nA=1   # old\n\n# more\nexport B="b c"\nA=2\nC=3')
    changed = file.write({"A": "new", "C": None, "D": "4"})
    assert (tmp_path / ".env").read_text() == '# mine\nA=new\n\n# more\nexport B="b c"\nD=4\n'
    assert changed.values == {"A": "new", "B": "b c", "D": "4"}


def test_keeps_what_somebody_else_wrote_meanwhile(tmp_path: Path) -> None:
    """The file is read again before it is written."""
    file = written(tmp_path / ".env", "A=1\n")
    (tmp_path / ".env").write_text("A=1\nB=2\n")
    assert file.write({"C": "3"}).values == {"A": "1", "B": "2", "C": "3"}


@given(VALUES, VALUES)
def test_any_value_comes_back(tmp_path_factory: pytest.TempPathFactory, first: str, second: str) -> None:
    """Whatever is written is read again by us and by python-dotenv itself, and its neighbour is not touched."""
    path = tmp_path_factory.mktemp("any") / ".env"
    file = DotenvFile(path).write({"A": first}).write({"B": second})
    assert file.values == {"A": first, "B": second} == dotenv_values(path, interpolate=False)


def test_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """A written file has mode 0600 whatever it had before, and nothing is left beside it."""
    path = tmp_path / "home" / ".env"
    DotenvFile(path).write({"A": "1"})
    path.chmod(0o644)
    assert DotenvFile.read(path).exposed
    assert not DotenvFile.read(path).write({"A": "2"}).exposed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_writes_through_a_link(tmp_path: Path) -> None:
    """A `.env` that links to another file stays a link."""
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / ".env").symlink_to(tmp_path / "real")
    DotenvFile(tmp_path / ".env").write({"A": "2"})
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text() == "A=2\n"


def test_says_when_it_can_not_be_written(tmp_path: Path) -> None:
    """Where there can be no such file, nothing is changed and the sentence says which."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"file/\.env can't be"):
        DotenvFile(tmp_path / "file" / ".env").write({"A": "1"})
