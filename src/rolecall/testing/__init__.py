"""Builders and fakes for tests of Rolecall and of what is built on it.

Nothing here is a mock of the core: builders make its values, fakes stand in for the world outside.
"""

from rolecall.testing.builders import (
    DEPLOYMENT,
    a_cluster,
    a_group,
    a_report,
    a_unit,
    a_worker,
    observed,
    process_of,
    settings_of,
    the_front,
)
from rolecall.testing.fakes import FakeHost

__all__ = [
    "DEPLOYMENT",
    "FakeHost",
    "a_cluster",
    "a_group",
    "a_report",
    "a_unit",
    "a_worker",
    "observed",
    "process_of",
    "settings_of",
    "the_front",
]
