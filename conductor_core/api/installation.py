"""How routes reach the Conductor that they translate for."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from conductor_core.conductor import Conductor

Source = Callable[[], Conductor]
"""Gives the Conductor, once it is open."""


def conductor_of(request: Request) -> Conductor:
    """The one this request is for."""
    give: Source = request.app.state.conductor
    return give()
