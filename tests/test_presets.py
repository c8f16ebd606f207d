"""Presets: lanes kept under a name, in both databases, seen by every copy of the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.errors import InvalidRequest
from conductor_core.names import NAME_CHARACTERS
from conductor_core.presets import MOST_PRESETS, Presets, lanes_of
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from conductor_core.turns import LaneSetup

LANES = [
    LaneSetup(provider="openai", model="gpt-4.1-mini", temperature=0.2, top_p=0.9, seed=7, system="Be brief."),
    LaneSetup(provider="local", first_turn=3),
]


@pytest.fixture
def presets(store: Store) -> Presets:
    return Presets(store)


async def test_lanes_come_back_as_they_were_kept(presets: Presets) -> None:
    """By name, with every parameter; what belongs to one conversation is not kept."""
    await presets.save("Zwei", LANES[:1])
    await presets.save("  a   fast\npair ", LANES, in_turn=True)
    first, second = presets.all()
    assert [first.name, second.name] == ["a fast pair", "Zwei"]
    assert lanes_of(first) == [LANES[0], LaneSetup(provider="local")]
    assert (first.settings["in_turn"], second.settings["in_turn"]) == (True, False)


async def test_another_copy_sees_them(tmp_path: Path, postgres_url: Secret) -> None:
    """Two copies of the app on one PostgreSQL have one set of presets."""
    one = Store.open(tmp_path / "one", database_url=postgres_url)
    two = Store.open(tmp_path / "two", database_url=postgres_url)
    kept = await Presets(one).save("Shared", LANES)
    assert Presets(two).all() == [kept]
    await Presets(two).delete(kept)
    assert Presets(one).all() == []
    one.close()
    two.close()


async def test_a_name_is_taken_once(presets: Presets) -> None:
    """However it is written; the sentence says what to do, and the first stays as it was."""
    await presets.save("Fast", LANES)
    with pytest.raises(
        InvalidRequest, match=r"There is a preset named “Fast” already\. Choose another name\."
    ) as found:
        await presets.save("FAST", LANES[:1])
    assert found.value.field == "name"
    other = await presets.save("Slow", LANES)
    with pytest.raises(InvalidRequest, match="already"):
        await presets.rename(other, "fast")
    assert [len(lanes_of(preset)) for preset in presets.all()] == [2, 2]


async def test_a_preset_is_renamed_in_place(presets: Presets) -> None:
    """The old name is free again; its own name in other letters is no conflict."""
    kept = await presets.save("Fast", LANES)
    renamed = await presets.rename(kept, "FAST")
    renamed = await presets.rename(renamed, "Quick")
    assert [(preset.name, lanes_of(preset)[0]) for preset in presets.all()] == [("Quick", LANES[0])]
    await presets.save("fast", LANES)
    await presets.delete(renamed)
    await presets.delete(renamed)
    assert [preset.name for preset in presets.all()] == ["fast"]


@pytest.mark.parametrize(
    ("name", "lanes", "said"),
    [
        ("\u200b ", 1, "The preset has no name. Type at least one visible character."),
        ("x" * 61, 1, f"The name has 61 characters; the limit is {NAME_CHARACTERS}."),
        ("None", 0, "A preset has 1 to 8 lanes; these are 0."),
        ("Nine", 9, "A preset has 1 to 8 lanes; these are 9."),
    ],
)
async def test_what_is_refused_is_named(presets: Presets, name: str, lanes: int, said: str) -> None:
    """The field and its bound, in a sentence."""
    with pytest.raises(InvalidRequest) as found:
        await presets.save(name, [LaneSetup()] * lanes)
    assert str(found.value) == said
    assert presets.all() == []


async def test_there_is_an_end_to_them(presets: Presets) -> None:
    """A list that nobody can look through is refused."""
    for number in range(MOST_PRESETS):
        await presets.save(f"Preset {number}", LANES)
    with pytest.raises(InvalidRequest, match=f"There are {MOST_PRESETS} presets already"):
        await presets.save("One more", LANES)
