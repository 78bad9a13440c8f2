"""What a process says of itself."""

from __future__ import annotations

import pytest

from rolecall.core.metrics import total

TEXT = """\
# HELP series what is in memory
# TYPE series gauge
series{user="a b} c"} 3
series{user="other"} 4.5e+01 1700000000
series_total 9
queue 0
broken{le="1"} much
"""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("series",), 48.0),
        (("queue",), 0.0),
        (("series", "queue"), 48.0),
        (("series", "missing"), -1.0),
        (("broken",), -1.0),
        ((), 0.0),
    ],
)
def test_samples_are_added_up(names: tuple[str, ...], expected: float):
    """Every sample of every metric counts, and what can't be read is never taken for nothing."""
    assert total(TEXT, names, otherwise=-1.0) == expected


def test_a_process_that_says_nothing_holds_no_zero():
    """Without a text there is no number, whatever is asked for."""
    assert total("", (), otherwise=7.0) == 7.0
