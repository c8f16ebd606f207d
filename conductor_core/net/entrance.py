"""Which connections are turned away before anything looks at them: another host's name, another site's page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from starlette.types import Scope

from conductor_core.net.hosts import header_values, is_allowed_host, is_same_origin

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Entrance:
    """The rules of one server.

    Attributes:
        allowed_hosts: host names besides loopback that it answers to, lower case.
    """

    allowed_hosts: frozenset[str] = field(default_factory=frozenset)

    def refusal(self, scope: Scope, origins: Collection[str] = ()) -> tuple[int, str] | None:
        """Status and sentence for a connection that is none of ours, or None.

        Args:
            origins: other sites whose pages may come in here, as their `Origin` header says it.
        """
        hosts = header_values(scope["headers"], b"host")
        if len(hosts) != 1 or not is_allowed_host(hosts[0], self.allowed_hosts, local_address(scope)):
            return 400, "This host name is not Conductor's. A proxy's is set by CONDUCTOR_ALLOWED_HOSTS."
        if not _is_welcome_origin(scope, hosts[0], origins):
            return 403, "This request came from another site."
        return None


def local_address(scope: Scope) -> str | None:
    """The server's end of this connection, or None on a Unix socket."""
    server = scope.get("server")
    return str(server[0]) if server and server[1] is not None else None


def _is_welcome_origin(scope: Scope, host: str, origins: Collection[str]) -> bool:
    """Whether the Origin header, where it matters, is this very host and port, or one of some others.

    A browser always sends it with a WebSocket and with every unsafe method (Fetch standard, "append a request Origin
    header"). So on a WebSocket it must be there; elsewhere its absence means a program, which no other site can steer.
    """
    found = header_values(scope["headers"], b"origin")
    if scope["type"] == "websocket":
        return len(found) == 1 and is_same_origin(found[0], host)
    if scope["method"] in _SAFE_METHODS:
        return True
    return all(origin in origins or is_same_origin(origin, host) for origin in found)
