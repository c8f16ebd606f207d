"""The same stores as in `tests/store`."""

from tests.store.conftest import engine as engine
from tests.store.conftest import resting_store as resting_store
