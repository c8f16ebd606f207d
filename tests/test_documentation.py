"""`.env.example`, the README's table and what the code reads are one and the same list."""

from __future__ import annotations

import re
from pathlib import Path

from conductor_core.providers import VENDORS
from conductor_core.settings import PREFIX, BudgetSettings, EndpointSettings, Environment, Settings, warnings
from conductor_core.variables import BEGIN, END, as_dotenv, as_table, groups

ROOT = Path(__file__).parents[1]


def test_env_example_is_what_the_code_reads() -> None:
    """`python -m conductor_core.variables dotenv > .env.example` changes nothing."""
    assert (ROOT / ".env.example").read_text() == as_dotenv()


def test_the_readme_lists_every_variable() -> None:
    """`python -m conductor_core.variables table` is what the README holds."""
    readme = (ROOT / "README.md").read_text()
    assert BEGIN + readme.partition(BEGIN)[2].partition(END)[0] + END == as_table()


def test_every_setting_and_every_row_of_the_registry_is_listed_once() -> None:
    """No field of `Settings` and no variable of a vendor is left out, none is made up, none has no purpose."""
    rows = [row for group in groups().values() for row in group]
    fields = {PREFIX + name.upper() for name in Settings.model_fields} - {
        f"{PREFIX}ENDPOINTS",
        f"{PREFIX}DEFAULT_MODELS",
        f"{PREFIX}BUDGETS",
    }
    parts = {f"{PREFIX}ENDPOINTS__<NAME>__{part.upper()}" for part in EndpointSettings.model_fields}
    parts |= {f"{PREFIX}BUDGETS__<PROVIDER>__{part.upper()}" for part in BudgetSettings.model_fields}
    vendors = {name for row in VENDORS for name in (*row.key_variables, row.base_url_variable) if name}
    names = [row.name for row in rows]
    assert sorted(names) == sorted(fields | parts | {f"{PREFIX}DEFAULT_MODELS__<PROVIDER>"} | vendors)
    assert all(row.purpose.endswith(".") for row in rows)


def test_what_env_example_shows_are_the_defaults(tmp_path: Path) -> None:
    """With every line of it in force, nothing but the vendors' addresses is set, and to their defaults."""
    text = re.sub(r"^#([A-Z])", r"\1", as_dotenv(), flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if "<" not in line]
    (tmp_path / ".env").write_text("\n".join(lines))
    environment = Environment.read({}, tmp_path)
    assert Settings.load(environment) == Settings()
    assert warnings(environment) == []
    for vendor in VENDORS:
        found = environment.get(vendor.base_url_variable) if vendor.base_url else None
        assert (found.value if found else "") == vendor.base_url
