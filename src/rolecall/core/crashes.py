"""Recognise why a process ends again and again, from the code it ends with and the last lines of its log.

The words are those of Go, of the kernel and of what all products are made of (dskit, Prometheus' TSDB,
thanos-io/objstore), so that one table does for every product. Nothing here says that a process is in such a
loop: its host sees that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from rolecall.core import loglines

UNKNOWN = -1
"""The code of a process of which nobody can say how it ended."""
KILLED = 128 + 9
"""The code of a process that was ended by SIGKILL."""


class Crash(Struct, frozen=True, kw_only=True):
    """Why a process ends again and again."""

    cause: str
    """Stable identifier, a key of `REMEDIES`."""
    text: str
    """What happens and the words that tell it, in one line."""


class _Sign(Struct, frozen=True):
    """What tells of a cause in a line of a log."""

    cause: str
    pattern: str
    """Its match is what a person is shown. Compiled when it is first looked for: most hooks look for none."""


_MEMORY, _REPLAY, _OTHER = "memory", "wal-replay", "unknown"
_SAYS: Mapping[str, str] = {
    _MEMORY: "it runs out of memory",
    _REPLAY: "it was killed while it read its write-ahead log, as the kernel does when memory runs out",
    "wal": "it cannot read its write-ahead log",
    "config": "it refuses its config",
    "port": "an address that it needs is taken",
    "disk": "its disk is full",
    "permission": "it may not write where it has to",
    "path": "it cannot use a path",
    "store": "the object store refuses it or doesn't answer",
    _OTHER: "",
}
REMEDIES: Mapping[str, str] = {
    _MEMORY: "give it more memory, or add units so that each holds less",
    _REPLAY: "give it more memory until it is through: it needs what it held when it ended",
    "wal": "if other units have copies, move the damaged files away; what they alone hold is lost with them",
    "config": "correct what was changed last",
    "port": "end what listens there, or take the setting back that made it listen there",
    "disk": "free space there, or enlarge it",
    "permission": "let the user that it runs as write there, or correct the path",
    "path": "correct the path, or put there what it expects",
    "store": "correct the bucket, the keys or the store's address",
    _OTHER: "look at its log",
}
"""Cause to what an administrator does about it."""


_SIGNS = (
    _Sign(
        "port", r"listen (?:tcp|udp)\d? \S+ bind: (?:address already in use|cannot assign requested address)"
    ),
    _Sign("disk", r"(?:\w+ )?[^\s\"]+: (?:no space left on device|disk quota exceeded)"),
    _Sign(
        "permission",
        r"(?:\w+ )?[^\s\"]+: (?:permission denied|read-only file system|operation not permitted)",
    ),
    _Sign("config", r"field \S+ not found in type \S+"),
    _Sign("config", r"(?:failed parsing config|error loading config|invalid config|CONFIG ERROR)\b.*\w.*"),
    _Sign("wal", r"segments are not sequential|corruption in segment [^\"]*|cannot populate WAL[^\"]*"),
    _Sign(
        "store",
        r"(?:AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuchBucket|[Aa]ccess [Dd]enied"
        r"|The specified bucket (?:does not exist|is not valid)"
        r"|(?:No user exists with the provided access key ID|The AWS [Aa]ccess [Kk]ey I[dD] you provided))"
        r"[^\";\n]*",
    ),
    _Sign("store", r"(?:Get|Head|List|Put) \"https?://[^\"]*\": dial tcp \S+: connect: connection refused"),
    _Sign("path", r"mkdir [^\s\"]+: no such file or directory|\w+ [^\s\"]+: not a directory"),
    _Sign(_MEMORY, r"(?:fatal error|runtime): (?:out of memory|cannot allocate memory).*"),
)
"""In this order where one line has several."""
_REPLAYS = r"msg=\"(?:beginning wal replay|Replaying WAL|recovering from (?:WAL|checkpoint))"
_REPLAYED = r"msg=\"(?:wal replay complete|WAL replay completed|WAL segment recovery finished)"
_LONGEST = 300


def recognise(code: int, lines: Sequence[str]) -> Crash:
    """Say why a process ends again and again; the last line that tells of a cause counts."""
    how = "its process ends again and again" + ("" if code == UNKNOWN else f" (code {code})")
    cause, said = _cause(code, lines)
    return Crash(cause=cause, text=": ".join(part for part in (how, _SAYS[cause], said) if part))


def _cause(code: int, lines: Sequence[str]) -> tuple[str, str]:
    if code == KILLED and _replays(lines):
        return _REPLAY, ""
    if code == KILLED:
        return _MEMORY, "it was killed, as the kernel does then"
    for line in reversed(lines):
        # As it was before it was quoted for the log: an error may hold a whole stack.
        plain = line.replace("\\n", "\n").replace('\\"', '"')
        for sign in _SIGNS:
            if found := re.search(sign.pattern, plain):
                return sign.cause, found[0].strip()[:_LONGEST]
    return _OTHER, loglines.last_error(lines) or (lines[-1] if lines else "")


def _replays(lines: Sequence[str]) -> bool:
    """Whether the last that a process said of its write-ahead log is that it reads it."""
    for line in reversed(lines):
        if re.search(_REPLAYED, line):
            return False
        if re.search(_REPLAYS, line):
            return True
    return False
