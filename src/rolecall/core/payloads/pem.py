"""Certificates in texts."""

from __future__ import annotations

import re

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def certificates(text: str) -> tuple[str, ...]:
    """List the PEM certificates in a text, each without the lines around it; nothing else gets through."""
    return tuple("\n".join(one.split("\n")).strip() for one in _CERTIFICATE.findall(text))
