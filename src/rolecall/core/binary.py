"""Where an executable comes from, as data.

A product names its own binary in its own file; helpers (Pebble, the S3 gateway of the tests) are
listed by the host that uses them. Finding, fetching and building is the host's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace


class Release(Struct, frozen=True, kw_only=True):
    """A release asset of the project itself.

    `url`, `checksums` and `member` may hold `{version}` and `{arch}` (amd64, arm64).
    """

    url: str
    member: str = ""
    """File inside the archive (zip or tar.gz); empty when the asset is the bare executable."""
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    """Architecture to the pinned digest of the asset, where we have one."""
    checksums: str = ""
    """Address of the release's own checksum file, used for an architecture without a pin."""


class GoModule(Struct, frozen=True, kw_only=True):
    """A committed Go module (go.mod and a complete go.sum) that builds the executable."""

    folder: str
    """Name of the folder that holds go.mod and go.sum."""
    package: str
    tags: tuple[str, ...] = ()
    version: str = ""
    """What a build gives, where the module proxy does not serve the version of the release."""


class Binary(Struct, frozen=True, kw_only=True):
    """One executable and every place it may come from, in the order they are tried."""

    name: str
    """File name on PATH and in the cache."""
    version: str
    """The version that a download gives, and a build unless its module says otherwise; no leading `v`."""
    variable: str
    """Environment variable that names a file to use instead of all the others."""
    release: Release | None = None
    module: GoModule | None = None
    on_path: tuple[str, ...] = ()
    """Names to look for on PATH; empty means `name`."""
    identify: tuple[str, ...] = ()
    """Arguments that make the executable print what it is; empty: a file on PATH is taken as it is."""
    mark: str = ""
    """Text that the output of `identify` holds when this is the right program (Debian has another `loki`)."""
    package: str = ""
    """A Debian package that holds it as `usr/bin/NAME`; its version is then the package's, whatever it is."""

    def pinned(self, version: str) -> Binary:
        """Return the same executable in another release; a digest that we have is not that one's."""
        release = replace(self.release, sha256={}) if self.release else None
        return replace(self, version=version, release=release, module=None)


# Three numbers and what may follow: neither go1.26.8 nor 127.0.0.1 is one.
_VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+(?!\.?\d)(?:[-+~][\w.+~-]*)?)")


def version_of(output: str) -> str:
    """Return the version that an executable says it has, empty if none; Go's own does not count."""
    match = _VERSION.search(output)
    return match[1] if match else ""
