"""A store on both databases."""

from __future__ import annotations

from tests.store.conftest import home, open_store, store

__all__ = ["home", "open_store", "store"]
