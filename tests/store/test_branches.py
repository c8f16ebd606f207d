"""Which message follows which, as it is kept, on both databases."""

from __future__ import annotations

from sqlalchemy import text

from conductor_core.branches import Tree
from conductor_core.store.database import Store
from tests.conftest import OpenStore
from tests.store.conftest import DatabaseOf
from tests.store.rows import answer, conversation, message

INSERT = text(
    "INSERT INTO messages (id, conversation_id, turn, lane, version, role, content, thinking, state, facts, created_at)"
    " VALUES (:id, 'c', :turn, :lane, :version, :role, '', '', 'done', '{}', 1)"
)
BEFORE = [  # role, turn, lane, version
    ("user", 0, 0, 0),
    ("assistant", 0, 0, 0),
    ("assistant", 0, 0, 1),
    ("assistant", 0, 1, 0),
    ("user", 1, 0, 0),
    ("user", 2, 0, 0),
    ("assistant", 2, 0, 0),
    ("user", 3, 0, 0),
]


def test_what_was_there_before_branches_is_one_path(database_of: DatabaseOf, open_store: OpenStore) -> None:
    """Each prompt follows the newest answer before it, also where a crash had left none; nothing else changes."""
    before = database_of("0005")
    with before.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO conversations (id, kind, title, settings, created_at, updated_at)"
                " VALUES ('c', 'chat', 'Rivers', '{\"lanes\": []}', 1, 1)"
            )
        )
        for role, turn, lane, version in BEFORE:
            values = {"id": f"{role[0]}{turn}{lane}{version}", "role": role}
            connection.execute(INSERT, values | {"turn": turn, "lane": lane, "version": version})
    before.dispose()
    store = open_store()
    tree = Tree(store.messages("c"))
    store.close()
    path = tree.path()
    assert [step.prompt.id for step in path] == ["u000", "u100", "u200", "u300"]
    assert [one.id for one in path[0].answers.values()] == ["a001", "a010"]
    assert [one.id for one in path[0].versions[0]] == ["a000", "a001"]
    assert [(one.state, one.content) for one in path[1].answers.values()] == [("interrupted", "")]
    assert path[3].answers == {}
    assert tree.branches == 2


def test_a_choice_outlasts_the_end_of_an_answer(store: Store) -> None:
    """Saving a message once more changes what it says, never what it follows or whether it is shown."""
    chat = conversation()
    prompt = message(chat.id)
    given = answer(chat.id, parent=prompt.id, shown=3)
    store.save_conversation(chat)
    store.save_message(prompt)
    store.save_message(given)
    store.show(given.id, 7)
    given.content, given.parent = "1,230 km.", None
    store.save_message(given).result(10)
    kept = store.messages(chat.id)[1]
    assert (kept.content, kept.parent, kept.shown) == ("1,230 km.", prompt.id, 7)
