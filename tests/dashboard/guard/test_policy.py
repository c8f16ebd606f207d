from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conductor_core.settings import Environment, Origin, Settings
from dashboard.guard import policy

ROOT = Path(__file__).resolve().parents[3]


def _settings(home: Path, **variables: str) -> Settings:
    layers: dict[Origin, dict[str, str]] = {origin: {} for origin in Origin}
    layers[Origin.ENVIRONMENT] = {"CONDUCTOR_HOME": str(home), **variables}
    return Settings.load(Environment(layers))


def test_the_shipped_configuration_has_every_option_that_is_checked() -> None:
    """`.streamlit/config.toml` sets what a start demands, and Streamlit's defaults give the rest."""
    from streamlit import config

    shipped = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    for name, wanted in policy._REQUIRED_OPTIONS.items():
        section, option = name.split(".")
        assert shipped.get(section, {}).get(option, config._config_options_template[name].value) == wanted


def test_allowed_hosts_and_the_address_listened_on_are_answered_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's name from CONDUCTOR_ALLOWED_HOSTS, and the server's own."""
    monkeypatch.setattr(policy, "check_streamlit_options", lambda: None)
    settings = _settings(tmp_path, CONDUCTOR_PASSWORD="open sesame", CONDUCTOR_ALLOWED_HOSTS="Chat.example, b.example")
    admitted = policy.admit(settings, ["192.0.2.7"])
    assert admitted.allowed_hosts == {"chat.example", "b.example", "192.0.2.7"}
    assert admitted.login is not None
