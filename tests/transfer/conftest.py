from __future__ import annotations

from tests.store.conftest import file_store, home, open_store, store

__all__ = ["file_store", "home", "open_store", "store"]
