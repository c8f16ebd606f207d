"""The library: personas and prompt templates under a name, in both databases, seen by every copy of the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.errors import InvalidRequest, NotFound
from conductor_core.kinds import Keepsake
from conductor_core.library import MOST_TEXTS, TEXT_CHARACTERS, Library
from conductor_core.names import NAME_CHARACTERS
from conductor_core.secret import Secret
from conductor_core.store.database import Store

PERSONA, TEMPLATE = Keepsake.PERSONA, Keepsake.TEMPLATE


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store)


def names(library: Library, kind: Keepsake) -> list[str]:
    return [title.name for title in library.titles(kind)]


async def test_a_text_comes_back_as_it_was_kept(library: Library) -> None:
    """By name, each kind by itself; one name may stand in both."""
    pirate = await library.save(PERSONA, "  The   pirate\n", "\n Arr\0, speak {{like this}} “日本語” 😀\n\n indented ")
    await library.save(PERSONA, "Accountant", "Count.")
    await library.save(TEMPLATE, "the pirate", "Ask {{whom=me}}")
    assert names(library, PERSONA) == ["Accountant", "The pirate"]
    assert names(library, TEMPLATE) == ["the pirate"]
    assert library.one(pirate.id) == pirate
    assert pirate.text == "Arr, speak {{like this}} “日本語” 😀\n\n indented"


async def test_another_copy_sees_it(tmp_path: Path, postgres_url: Secret) -> None:
    """Two copies of the app on one PostgreSQL have one library."""
    one = Store.open(tmp_path / "one", database_url=postgres_url)
    two = Store.open(tmp_path / "two", database_url=postgres_url)
    kept = await Library(one).save(PERSONA, "Shared", "Be brief.")
    assert Library(two).one(kept.id) == kept
    changed = await Library(two).change(kept, "Shared", "Be briefer.")
    assert Library(one).one(kept.id) == changed
    await Library(two).delete(kept.id)
    assert Library(one).titles(PERSONA) == []
    one.close()
    two.close()


async def test_it_outlives_a_restart(tmp_path: Path) -> None:
    """Of a file as of a server."""
    for number in range(2):
        opened = Store.open(tmp_path / "home")
        library = Library(opened)
        if number == 0:
            await library.save(TEMPLATE, "Weather", "In {{city}}")
        assert names(library, TEMPLATE) == ["Weather"]
        opened.close()


async def test_a_name_is_taken_once(library: Library) -> None:
    """However it is written; the sentence says what to do, and the first stays as it was."""
    first = await library.save(PERSONA, "Brief", "Be brief.")
    with pytest.raises(
        InvalidRequest, match=r"There is a persona named “Brief” already\. Choose another name\."
    ) as found:
        await library.save(PERSONA, "ｂｒｉｅｆ", "Be long.")
    assert found.value.field == "name"
    other = await library.save(PERSONA, "Long", "Be long.")
    with pytest.raises(InvalidRequest, match="already"):
        await library.change(other, "brief", other.text)
    assert library.one(first.id) == first


async def test_a_text_is_changed_in_place(library: Library) -> None:
    """Its words, its name, the letters of its name; the old name is free again."""
    kept = await library.save(TEMPLATE, "Weather", "In {{city}}")
    changed = await library.change(kept, "WEATHER", "In {{city=Rome}}")
    renamed = await library.change(changed, "Climate", changed.text)
    assert names(library, TEMPLATE) == ["Climate"]
    assert library.one(renamed.id).text == "In {{city=Rome}}"
    assert renamed.created_at == kept.created_at
    with pytest.raises(NotFound, match="deleted or renamed"):
        library.one(kept.id)
    await library.save(TEMPLATE, "Weather", "Again")
    await library.delete(renamed.id)
    await library.delete(renamed.id)
    assert names(library, TEMPLATE) == ["Weather"]


@pytest.mark.parametrize(
    ("kind", "name", "text", "said"),
    [
        (PERSONA, "\u200b ", "x", "The persona has no name. Type at least one visible character."),
        (PERSONA, "x" * 61, "x", f"The name has 61 characters; the limit is {NAME_CHARACTERS}."),
        (TEMPLATE, "Empty", " \n\u200b", "The template is empty. Type at least one visible character."),
        (TEMPLATE, "Long", "x" * 100_001, f"The template has 100,001 characters; the limit is {TEXT_CHARACTERS:,}."),
    ],
)
async def test_what_is_refused_is_named(library: Library, kind: Keepsake, name: str, text: str, said: str) -> None:
    """The field and its bound, in a sentence."""
    with pytest.raises(InvalidRequest) as found:
        await library.save(kind, name, text)
    assert str(found.value) == said
    assert library.titles(kind) == []


async def test_a_template_is_read_before_it_is_kept(library: Library) -> None:
    """A persona may hold any braces."""
    with pytest.raises(InvalidRequest, match="is no variable"):
        await library.save(TEMPLATE, "Broken", "{{two words}}")
    kept = await library.save(TEMPLATE, "Whole", "{{word}}")
    with pytest.raises(InvalidRequest, match="is no variable"):
        await library.change(kept, "Whole", "{{two words}}")
    await library.save(PERSONA, "Braces", "{{two words}}")


async def test_there_is_an_end_to_them(library: Library) -> None:
    """A list that nobody can look through is refused; the other kind has room."""
    for number in range(MOST_TEXTS):
        await library.save(PERSONA, f"Persona {number}", "x" * TEXT_CHARACTERS if number == 0 else "x")
    with pytest.raises(InvalidRequest, match=f"There are {MOST_TEXTS} personas already"):
        await library.save(PERSONA, "One more", "x")
    await library.save(TEMPLATE, "Another kind", "x")
