"""What can go wrong, in one tree. Every message says what happened, who, and what to do next.

ConductorError
├── UserError                the person or program in front of us can mend it
│   ├── InvalidRequest       a field is out of its bounds
│   ├── UnknownProvider      no provider of that name; lists the known
│   ├── NotConfigured        a provider lacks its key or address; names the variable
│   ├── NobodyLeft           AUTO may use none of the configured providers; says why of each
│   ├── ConversationBusy     an answer is already running there
│   ├── LimitReached         an API key has used up one of its limits; says which, and until when
│   ├── NotFound             no such conversation
│   ├── SettingsError        a setting that can't be read; names file, line and field
│   └── StoreError           the database can't be used; says which file and why
│       ├── AlreadyRunning   another process has it
│       └── DatabaseTooNew   a later version wrote it
└── ProviderError            a provider's fault; carries provider, kind, status, retry_after, detail

A `ProviderError` is one class: its `kind` (an `Outcome`) is what rows, breakers and sentences go by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conductor_core.kinds import Fault, Outcome

if TYPE_CHECKING:
    from pydantic import ValidationError


class ConductorError(Exception):
    """Base of everything raised on purpose. `str()` is a sentence for people."""


class UserError(ConductorError):
    """The caller can mend it; no provider is to blame."""


class InvalidRequest(UserError):
    """A field is out of its bounds. `field` is its dotted path."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    @classmethod
    def from_validation(cls, error: ValidationError) -> InvalidRequest:
        """The first refusal of a pydantic error as one sentence: field, bound, and the type given, never the value."""
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "request"
        given = "" if first["type"] == "missing" else f"; got {type(first['input']).__name__}"
        return cls(f"{field}: {first['msg'].removeprefix('Value error, ')}{given}", field)


class UnknownProvider(UserError):
    """No provider of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no provider named {name[:40]!r}. Known: {', '.join(known)}.")


class NotConfigured(UserError):
    """A provider lacks what it needs to be called: the variable `missing`, or what the sentence `reason` says."""

    def __init__(self, provider: str, label: str, missing: str, reason: str = "") -> None:
        super().__init__(reason or f"{label} is not configured. Set {missing} in Settings or in the environment.")
        self.provider = provider


class NobodyLeft(UserError):
    """AUTO may use none of the configured providers.

    Args:
        reasons: of each its label and why, as a sentence.
    """

    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        who: dict[str, list[str]] = {}
        for label, reason in reasons:
            who.setdefault(reason, []).append(label)
        told = " ".join(f"{', '.join(labels)}: {reason}" for reason, labels in who.items())
        super().__init__(f"AUTO may use no provider just now. {told}")
        self.reasons = reasons


class ConversationBusy(UserError):
    """One running turn per conversation."""

    def __init__(self) -> None:
        super().__init__("An answer is still running in this conversation. Stop it or wait for it to end.")


class LimitReached(UserError):
    """An API key has used up one of its limits.

    Attributes:
        retry_after: seconds until there is room again; None: waiting does not help.
        headers: how its limits stand, as an answer's `x-ratelimit-…`.
    """

    def __init__(self, message: str, *, retry_after: float | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = dict(headers or {})


class NotFound(UserError):
    """No such conversation, or it was deleted; or what else the sentence names."""

    def __init__(self, sentence: str = "This conversation does not exist, or it was deleted.") -> None:
        super().__init__(sentence)


class SettingsError(UserError):
    """A setting that can't be read."""


class StoreError(UserError):
    """The database can't be used."""


class AlreadyRunning(StoreError):
    """Another process works on the same SQLite file."""


class DatabaseTooNew(StoreError):
    """A later version of Conductor wrote this database."""


class ProviderError(ConductorError):
    """A provider's fault.

    Attributes:
        provider: registry name of the provider.
        kind: the outcome this becomes in the call row.
        status: HTTP status, if there was an answer.
        retry_after: seconds the provider asked to wait, if it did.
        fault: what the kind alone does not say, where that decides what happens next.
        detail: what upstream said, redacted and at most 500 characters; for an expander, never for the headline.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        kind: Outcome,
        status: int | None = None,
        retry_after: float | None = None,
        fault: Fault | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.fault = fault
        self.detail = detail[:500]
