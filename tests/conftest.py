"""What tests of all files use."""

import pytest
from hypothesis import HealthCheck, settings

import chainrule as cr
from chainrule import _core

# The same examples each time; --hypothesis-profile=campaign looks for new ones, for a long time.
slow_is_fine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("tests", max_examples=60, stateful_step_count=20, derandomize=True, **slow_is_fine)
settings.register_profile("campaign", max_examples=5000, stateful_step_count=50, **slow_is_fine)
settings.load_profile("tests")


@pytest.fixture
def many_threads():
    """As many threads as are set, however little the work; afterwards everything as at first."""
    _core.set_work_per_thread(1)
    yield
    _core.set_work_per_thread(1_200_000)
    cr.set_num_threads(None)
    cr.set_isa(None)
