"""Read what a process says of itself in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable


def total(text: str, names: Iterable[str], *, otherwise: float) -> float:
    """Add up all samples of these metrics; `otherwise` if a metric has none, or nothing can be read.

    Source: prometheus.io/docs/instrumenting/exposition_formats (a line is name, labels in braces, value).
    """
    wanted = dict.fromkeys(names, False)
    added = 0.0
    for line in text.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name not in wanted:
            continue
        value = _value(line)
        if value is None:
            return otherwise
        wanted[name] = True
        added += value
    return added if text and all(wanted.values()) else otherwise


def _value(line: str) -> float | None:
    """Read a sample's value: the first word after its labels, which may hold anything but a newline."""
    after = line.rpartition("}")[2] if "{" in line else line.partition(" ")[2]
    try:
        return float(after.split()[0])
    except (IndexError, ValueError):
        return None
