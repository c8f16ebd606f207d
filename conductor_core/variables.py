"""Every variable there is, as `.env.example` and the README show them; both are written by this and compared in a test.

python -m conductor_core.variables dotenv > .env.example        python -m conductor_core.variables table
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conductor_core.providers import VENDORS
from conductor_core.settings import PREFIX, BudgetSettings, EndpointSettings, Settings

BEGIN, END = "<!-- variables -->", "<!-- /variables -->"
"""What the README's table stands between."""

_GROUPS = {
    "This installation": (
        "home",
        "host",
        "port",
        "password",
        "api_key",
        "allowed_hosts",
        "database_url",
        "durability",
        "drill",
    ),
    "The API": (
        "cors_origins",
        "api_body_bytes",
        "api_text_bytes",
        "api_read_timeout",
        "api_send_timeout",
        "api_key_requests",
    ),
    "The local model": ("local_models", "local_threads"),
    "Your own endpoints, and models used when none is named": ("endpoints", "default_models"),
    "AUTO": ("strategy", "auto_providers", "auto_quality"),
    "Limits of a call": (
        "connect_timeout",
        "first_byte_timeout",
        "silence_timeout",
        "total_timeout",
        "whole_timeout",
        "max_answer_bytes",
    ),
    "Retries, fallback and crowds": (
        "attempts",
        "retry_base",
        "retry_longest",
        "retry_after_longest",
        "fallback_after",
        "breaker_pause",
        "provider_concurrency",
        "provider_queue",
        "queue_timeout",
        "max_requests",
    ),
    "How long figures are kept": ("keep_calls_days", "keep_minutes_days", "keep_quarters_days", "keep_hours_days"),
    "Budgets and incidents": ("budget_day", "budget_month", "budgets", "budget_beyond", "prices", "webhook_url"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One variable: its name, its default as it would be written, what it is for."""

    name: str
    default: str
    purpose: str


def groups() -> dict[str, list[Row]]:
    """Every variable, by what it concerns: the settings in their order, then the registry's rows."""
    found = {title: [row for field in fields for row in _of_setting(field)] for title, fields in _GROUPS.items()}
    found["Keys"] = [
        Row(name, "", _key_purpose(vendor.label, place, vendor.key_variables))
        for vendor in VENDORS
        for place, name in enumerate(vendor.key_variables)
    ]
    found["Base URLs"] = [
        Row(vendor.base_url_variable, vendor.base_url, _address_purpose(vendor.label, vendor.base_url))
        for vendor in VENDORS
        if vendor.base_url_variable
    ]
    return found


def as_dotenv() -> str:
    """The text of `.env.example`: nothing is set, every line shows its default."""
    blocks = [
        "# Copy this file to .env and remove the # of what you change. Variables of the environment win over .env,\n"
        "# and .env wins over $CONDUCTOR_HOME/.env, where Settings saves. Then run: chmod 600 .env"
    ]
    for title, rows in groups().items():
        lines = [f"# {row.purpose}\n#{row.name}={row.default}" for row in rows]
        blocks.append("\n".join((f"# --- {title} ---", *lines)))
    return "\n\n".join(blocks) + "\n"


def as_table() -> str:
    """The README's table, with the marks it stands between."""
    lines = [BEGIN, "| variable | default | what it is for |", "| --- | --- | --- |"]
    for rows in groups().values():
        lines.extend(f"| `{row.name}` | {f'`{row.default}`' if row.default else ''} | {row.purpose} |" for row in rows)
    return "\n".join((*lines, END))


def _of_setting(name: str) -> Iterator[Row]:
    field = Settings.model_fields[name]
    variable, purpose = PREFIX + name.upper(), field.description or ""
    if name == "endpoints":
        for part, inner in EndpointSettings.model_fields.items():
            yield Row(f"{variable}__<NAME>__{part.upper()}", "", inner.description or "")
    elif name == "budgets":
        for part, inner in BudgetSettings.model_fields.items():
            yield Row(f"{variable}__<PROVIDER>__{part.upper()}", "", inner.description or "")
    elif name == "default_models":
        yield Row(f"{variable}__<PROVIDER>", "", purpose)
    else:
        yield Row(variable, _written(field.get_default(call_default_factory=True)), purpose)


def _written(default: Any) -> str:
    if default is None or default in ([], {}):
        return ""
    if isinstance(default, bool):
        return str(int(default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def _key_purpose(label: str, place: int, names: tuple[str, ...]) -> str:
    return f"Key for {label}." if place == 0 else f"Key for {label}, when {names[0]} is not set."


def _address_purpose(label: str, default: str) -> str:
    if default:
        return f"Where {label} is reached."
    return f"Where your {label} is reached; it is used once this is set."


if __name__ == "__main__":
    sys.stdout.write(as_dotenv() if sys.argv[1:] == ["dotenv"] else as_table() + "\n")
