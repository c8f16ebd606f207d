"""Where a variable comes from, and saving one, with real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.environment import Environment, Origin
from conductor_core.errors import SettingsError


def environment(folder: Path, project: str = "", home: str = "", **process: str) -> Environment:
    """An environment of real files: `folder`/.env and `folder`/home/.env, readable by their owner only."""
    (folder / "home").mkdir(exist_ok=True)
    for path, text in ((folder / ".env", project), (folder / "home" / ".env", home)):
        if text:
            path.write_text(text)
            path.chmod(0o600)
    return Environment.read({"CONDUCTOR_HOME": str(folder / "home"), **process}, folder)


def test_the_environment_wins_then_the_project_then_the_home(tmp_path: Path) -> None:
    """Each place is asked in its turn, and the answer says which it was."""
    found = environment(tmp_path, "A=project\nB=project\n", "A=home\nB=home\nC=home\n", A="process")
    assert [str(found.get(name)) for name in "ABC"] == [
        "Variable(A, environment)",
        "Variable(B, ./.env)",
        "Variable(C, $CONDUCTOR_HOME/.env)",
    ]
    assert {name: found.merged()[name] for name in "ABC"} == {"A": "process", "B": "project", "C": "home"}


def test_an_earlier_place_wins_over_an_earlier_name(tmp_path: Path) -> None:
    """Of two names for one key the one of the stronger place is in force."""
    found = environment(tmp_path, home="GEMINI_API_KEY=saved\n", GOOGLE_API_KEY="process")
    variable = found.get("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert variable
    assert (variable.name, variable.value) == ("GOOGLE_API_KEY", "process")


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    """`NAME=` in a stronger place hides nothing."""
    assert environment(tmp_path, home="A=home\n", A="  ").merged()["A"] == "home"


def test_trims_and_names_what_it_trimmed(tmp_path: Path) -> None:
    """A trailing newline or quotes around a value are left out, with a warning that names the variable only."""
    found = environment(tmp_path, project="A='\"quoted\"'\n", B="sk-value\n", C="fine", PS1="x ")
    assert [found.merged()[name] for name in "ABC"] == ["quoted", "sk-value", "fine"]
    warnings = found.warnings(frozenset("ABC"))
    assert [sentence.split(": white")[0] for sentence in warnings] == ["B (environment)", f"{tmp_path}/.env:1:A"]
    assert "sk-value" not in "".join(warnings)


def test_prints_no_value(tmp_path: Path) -> None:
    """A variable may hold a key: it prints as its name and place."""
    assert "sk-" not in repr(environment(tmp_path, A="sk-secret").get("A"))


def test_what_is_entered_for_this_run_comes_first_and_goes(tmp_path: Path) -> None:
    """It wins over every place, is written nowhere, and gives way when taken back."""
    found = environment(tmp_path, A="process")
    found.set_for_run("A", "typed")
    assert found.merged()["A"] == "typed"
    assert not (tmp_path / "home" / ".env").exists()
    found.set_for_run("A", None)
    assert found.merged()["A"] == "process"


def test_saves_to_the_home_only(tmp_path: Path) -> None:
    """A saved variable is there for the next process; `./.env` is never written."""
    found = environment(tmp_path, project="A=1\n")
    assert found.save("B", "two") is None
    assert (tmp_path / ".env").read_text() == "A=1\n"
    assert (tmp_path / "home" / ".env").read_text() == "B=two\n"
    assert environment(tmp_path).merged()["B"] == "two"
    assert found.save("B", None) is None
    assert "B" not in found.merged()


def test_saving_replaces_what_was_entered_for_this_run(tmp_path: Path) -> None:
    """The saved value is the one in force, not the one typed before."""
    found = environment(tmp_path)
    found.set_for_run("A", "typed")
    found.save("A", "saved")
    assert found.merged()["A"] == "saved"


@pytest.mark.parametrize(("project", "process"), [("A=1\n", {}), ("", {"A": "1"})])
def test_says_what_hides_a_saved_variable(tmp_path: Path, project: str, process: dict[str, str]) -> None:
    """Saving under a stronger place names that place."""
    hidden_by = environment(tmp_path, project, **process).save("A", "2")
    assert hidden_by
    assert hidden_by.origin is (Origin.ENVIRONMENT if process else Origin.PROJECT)


def test_supposing_changes_nothing(tmp_path: Path) -> None:
    """A change can be tried before it is made."""
    found = environment(tmp_path)
    found.set_for_run("A", "typed")
    assert found.supposing({"A": "saved"}, Origin.HOME).merged()["A"] == "saved"
    assert found.merged()["A"] == "typed"
    assert not (tmp_path / "home" / ".env").exists()


def test_refuses_a_key_file_that_others_can_read(tmp_path: Path) -> None:
    """Saved keys in a file of mode 0644 refuse the start with the command that mends it."""
    environment(tmp_path, home="GEMINI_API_KEY=x\n")
    (tmp_path / "home" / ".env").chmod(0o644)
    with pytest.raises(SettingsError, match=r"Run: chmod 600 .*home/\.env"):
        environment(tmp_path)


def test_warns_of_a_project_file_that_others_can_read(tmp_path: Path) -> None:
    """Keys in a readable `./.env` are a warning, for it is the person's own file; without keys there is none."""
    environment(tmp_path, project="GEMINI_API_KEY=x\n")
    (tmp_path / ".env").chmod(0o644)
    assert "chmod 600" in "".join(environment(tmp_path).warnings(frozenset()))
    (tmp_path / ".env").write_text("CONDUCTOR_PORT=8502\n")
    assert environment(tmp_path).warnings(frozenset()) == []
