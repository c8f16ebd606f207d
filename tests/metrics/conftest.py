"""The same store as in `tests/store`."""

from tests.store.conftest import engine as engine
from tests.store.conftest import home as home
from tests.store.conftest import store as store
