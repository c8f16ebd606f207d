"""The pages' only door to the core: `get_conductor()` to look, `run()` to act.

The server's lifespan installs the bridge to its own Conductor. Without a server (`AppTest`, a script) the first page
that asks opens one on a loop in a thread of its own, with the environment as it is then.
"""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from conductor_core.bridge import Bridge
    from conductor_core.conductor import Conductor

T = TypeVar("T")


class _Holder:
    """The one piece of module-level state in this project: script threads and the server's loop share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bridge: Bridge | None = None


_holder = _Holder()


def install(bridge: Bridge | None) -> None:
    """Hands the pages their bridge; `None` takes it away again when the server stops."""
    with _holder.lock:
        _holder.bridge = bridge


def get_bridge() -> Bridge:
    """The bridge to this process's Conductor: `get_bridge().run(coroutine)` runs on its loop."""
    with _holder.lock:
        if _holder.bridge is None:
            # Imported here: the core takes longer to load than a page that is not asked for it.
            from conductor_core.bridge import Bridge

            _holder.bridge = Bridge.in_thread()
        return _holder.bridge


def get_conductor() -> Conductor:
    """This process's Conductor, for what needs no loop: reading conversations, figures, settings."""
    return get_bridge().conductor


def run(work: Coroutine[Any, Any, T], timeout: float | None = 30.0) -> T:
    """Runs `work` on the Conductor's loop and returns its result; raises what it raises."""
    return get_bridge().run(work, timeout)


def close() -> None:
    """Closes a Conductor that `get_bridge` opened for itself; one that a server installed is the server's to close."""
    with _holder.lock:
        bridge, _holder.bridge = _holder.bridge, None
    if bridge is not None:
        bridge.close()
