from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.errors import SettingsError
from conductor_core.net.listening import check_addresses
from conductor_core.settings import Environment, Origin, Settings


def _settings(home: Path, **variables: str) -> Settings:
    layers: dict[Origin, dict[str, str]] = {origin: {} for origin in Origin}
    layers[Origin.ENVIRONMENT] = {"CONDUCTOR_HOME": str(home), **variables}
    return Settings.load(Environment(layers))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "unix:/run/conductor.sock", "127.9.9.9"])
def test_this_machine_needs_no_password(address: str, tmp_path: Path) -> None:
    """Loopback in every form, and a socket in the file system."""
    check_addresses(_settings(tmp_path), [address])


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::1", "an unknown address"])
def test_every_other_address_needs_one(address: str, tmp_path: Path) -> None:
    """The wildcards, the empty address (every interface), public ones, and one that is not known."""
    with pytest.raises(SettingsError, match="CONDUCTOR_PASSWORD"):
        check_addresses(_settings(tmp_path), [address])
    check_addresses(_settings(tmp_path, CONDUCTOR_PASSWORD="open sesame"), [address])


def test_one_public_address_among_several_is_enough(tmp_path: Path) -> None:
    """A server may be given several sockets."""
    with pytest.raises(SettingsError, match=r"192\.0\.2\.7"):
        check_addresses(_settings(tmp_path), ["127.0.0.1", "192.0.2.7"])
