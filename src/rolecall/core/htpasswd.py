"""A user's line in the password file of nginx."""

from __future__ import annotations

import base64
import hashlib


def line(user: str, word: str, salt: bytes) -> str:
    """Return the line that nginx checks a password by.

    {SSHA}: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html#auth_basic_user_file.
    """
    digest = hashlib.sha1(word.encode() + salt, usedforsecurity=False).digest()
    return f"{user}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"
