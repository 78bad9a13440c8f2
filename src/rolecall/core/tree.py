"""A YAML mapping, as the products read it."""

from __future__ import annotations

Tree = dict[str, object]
"""Keys to texts, numbers, lists and further mappings."""
