from __future__ import annotations

import os
from pathlib import Path

import pytest

from conductor_core.errors import SettingsError
from conductor_core.secret import Secret
from dashboard.guard.login import TRIES_OVERALL, TRIES_PER_CLIENT, Login, Tries


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_survives_a_restart_with_the_same_password(tmp_path: Path) -> None:
    """The secret is kept, so nobody is logged out by a restart."""
    cookie = Login.open(Secret("open sesame"), tmp_path).start_session()
    assert Login.open(Secret("open sesame"), tmp_path).is_session(cookie)


def test_a_new_password_ends_every_session(tmp_path: Path) -> None:
    """Whoever knew the old password is out."""
    cookie = Login.open(Secret("open sesame"), tmp_path).start_session()
    assert not Login.open(Secret("close sesame"), tmp_path).is_session(cookie)


def test_another_installation_does_not_take_our_cookie(tmp_path: Path) -> None:
    """The same password elsewhere signs with another secret."""
    cookie = Login.open(Secret("open sesame"), tmp_path / "a").start_session()
    assert not Login.open(Secret("open sesame"), tmp_path / "b").is_session(cookie)


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + "x", lambda c: "", lambda c: "x.y.z"])
def test_a_changed_cookie_is_no_session(tmp_path: Path, change: object) -> None:
    """The signature covers all of it."""
    login = Login.open(Secret("open sesame"), tmp_path)
    assert callable(change)
    assert not login.is_session(change(login.start_session()))


def test_a_session_that_logged_out_is_over_for_its_copies_too(tmp_path: Path) -> None:
    """A stolen cookie ends with the session it was stolen from."""
    login = Login.open(Secret("open sesame"), tmp_path)
    cookie, other = login.start_session(), login.start_session()
    login.end_session(cookie)
    assert not login.is_session(cookie)
    assert login.is_session(other)


def test_only_the_password_is_right(tmp_path: Path) -> None:
    """Case, blanks and beginnings of it are wrong; so is what can't even be encoded."""
    login = Login.open(Secret("open sesame"), tmp_path)
    assert login.is_right("open sesame")
    assert not any(login.is_right(wrong) for wrong in ("", "open", "Open sesame", "open sesame ", "\ud800"))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    """It is made 0600; one that others can read refuses the start and says how to mend it."""
    Login.open(Secret("open sesame"), tmp_path)
    path = tmp_path / "session.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        Login.open(Secret("open sesame"), tmp_path)


def test_five_wrong_passwords_a_minute_then_wait() -> None:
    """The sixth try of a client waits until the first is a minute old; another client does not."""
    clock = _Clock()
    tries = Tries(clock)
    for _ in range(TRIES_PER_CLIENT):
        assert tries.wait("192.0.2.1") == 0
        tries.count("192.0.2.1")
    assert tries.wait("192.0.2.1") == 61
    assert tries.wait("192.0.2.2") == 0
    clock.now += 60
    assert tries.wait("192.0.2.1") == 0


def test_many_clients_together_are_held_up_too() -> None:
    """An attacker with many addresses gets no more than the overall number."""
    tries = Tries(_Clock())
    for number in range(TRIES_OVERALL):
        tries.count(f"192.0.2.{number}")
    assert tries.wait("198.51.100.1") > 0


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    """Whoever has one IPv6 address has the 2^64 beside it."""
    tries = Tries(_Clock())
    for number in range(TRIES_PER_CLIENT):
        tries.count(f"2001:db8::{number}")
    assert tries.wait("2001:db8::ffff") > 0
    assert tries.wait("2001:db8:0:1::1") == 0


def test_the_right_password_takes_its_own_try_back() -> None:
    """Logging in often is not guessing."""
    tries = Tries(_Clock())
    for _ in range(3 * TRIES_PER_CLIENT):
        tries.count("192.0.2.1")
        tries.forgive("192.0.2.1")
    assert tries.wait("192.0.2.1") == 0
