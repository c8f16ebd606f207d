"""What this process was told about its door, and the checks that refuse a start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conductor_core.errors import SettingsError
from conductor_core.net.listening import check_addresses, own_names
from conductor_core.settings import Settings
from dashboard.guard.login import Login

_REQUIRED_OPTIONS: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "global.developmentMode": False,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may come in.

    Attributes:
        allowed_hosts: host names besides loopback that this server answers to, lower case.
        cors_origins: other sites whose pages may call the API.
        login: the password and its sessions; None when everyone on this machine may come in.
    """

    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    cors_origins: frozenset[str] = field(default_factory=frozenset)
    login: Login | None = None


def admit(settings: Settings, addresses: Sequence[str]) -> Policy:
    """The policy of a server that listens on `addresses`.

    Raises:
        SettingsError: it must not start like this; the sentence says why and what to set.
    """
    check_addresses(settings, addresses)
    check_streamlit_options()
    login = Login.open(settings.password, settings.home) if settings.password else None
    return Policy(own_names(settings, addresses), frozenset(settings.cors_origins), login)


def check_streamlit_options() -> None:
    """Refuses to run with a Streamlit option that would show keys, phone home or open the socket to other sites.

    Raises:
        SettingsError: an option differs from `.streamlit/config.toml`; the sentence names it and both values.
    """
    from streamlit import config

    for name, wanted in _REQUIRED_OPTIONS.items():
        found = config.get_option(name)
        if found != wanted:
            raise SettingsError(
                f"Streamlit's option {name} is {found!r} and must be {wanted!r}. Start Conductor from its own folder, "
                "so that .streamlit/config.toml is read, and remove the flag or variable that changes it."
            )
