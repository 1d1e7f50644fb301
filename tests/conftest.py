"""What tests of all files use."""

import pytest

import chainrule as cr
from chainrule import _core


@pytest.fixture
def many_threads():
    """As many threads as are set, however little the work; afterwards everything as at first."""
    _core.set_work_per_thread(1)
    yield
    _core.set_work_per_thread(800_000)
    cr.set_num_threads(None)
    cr.set_isa(None)
