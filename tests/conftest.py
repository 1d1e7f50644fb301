"""Settings and fixtures for the tests of all files."""

import signal

import pytest
from hypothesis import HealthCheck, settings

import chainrule as cr
from chainrule import _core

# The default profile has the same examples each time; --hypothesis-profile=campaign searches for new ones.
slow_is_fine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("tests", max_examples=60, stateful_step_count=20, derandomize=True, **slow_is_fine)
settings.register_profile("campaign", max_examples=5000, stateful_step_count=50, **slow_is_fine)
settings.load_profile("tests")


# A program that a shell starts in the background ignores an interrupt, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Teams of threads change their size at random from step to step, which changes no result.
_core.set_team_sizes("random")


@pytest.fixture
def many_threads():
    """Use all threads that are set, however little the work; restore the settings afterwards."""
    _core.set_work_per_thread(1)
    yield
    _core.set_work_per_thread(1_200_000)
    cr.set_num_threads(None)
    cr.set_isa(None)
