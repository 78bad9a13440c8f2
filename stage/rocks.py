"""The rocks that workload containers are made of: what lies where in them, and which executable that is.

A rock is a table entry: paths in the container, the executables that stand there, and the folders that the
image brings along. The executables are the ones that the local host finds as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from rolecall.core.binary import Binary
from rolecall.core.products import PRODUCTS
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.found import BinaryError, Found
from rolecall.local.fetch.helpers import NGINX_EXPORTER, PEBBLE


class RockError(Exception):
    """A rock is not known, or an executable of it is not at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executable:
    """An executable of a rock, and the two ways to it."""

    name: str
    variable: str
    present: Callable[[], Found | None]
    """Looks where it takes no time: the environment, PATH, the cache."""
    locate: Callable[[], Found]
    """Fetches or builds it where it is not present; raises BinaryError."""


def _executable(binary: Binary) -> Executable:
    return Executable(
        name=binary.name,
        variable=binary.variable,
        present=functools.partial(binaries.present, binary),
        locate=functools.partial(binaries.locate, binary),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rock:
    """What the image of a container holds beside the system's own files."""

    executables: Mapping[str, Executable] = field(default_factory=dict[str, Executable])
    """Path in the container to what stands there."""
    folders: tuple[str, ...] = ()
    """Folders that the image brings, empty."""


PEBBLE_EXECUTABLE = _executable(PEBBLE)

_NGINX = Executable(
    name="nginx",
    variable=nginx_binary.VARIABLE,
    present=nginx_binary.present_nginx,
    locate=nginx_binary.locate_nginx,
)

ROCKS: Mapping[str, Rock] = MappingProxyType(
    {
        "nginx-image": Rock(
            executables={"/usr/sbin/nginx": _NGINX},
            # What Debian's build of nginx opens before it has read its config, and its default config's own.
            folders=("/etc/nginx", "/var/log/nginx", "/var/lib/nginx", "/var/cache/nginx"),
        ),
        "nginx-prometheus-exporter-image": Rock(
            executables={"/usr/bin/nginx-prometheus-exporter": _executable(NGINX_EXPORTER)}
        ),
        **{
            f"{product.charm.container}-image": Rock(
                executables={product.charm.binary: _executable(product.binary)}
            )
            for product in PRODUCTS.values()
            if product.charm is not None
        },
    }
)
"""Resource name to rock. `/bin` is a link to `/usr/bin` in every container, as it is in the images."""


def rock_of(resource: str, rocks: Mapping[str, Rock] = ROCKS) -> Rock:
    """Return the rock of that resource.

    Raises:
        RockError: There is none of that name.
    """
    if resource not in rocks:
        known = ", ".join(sorted(rocks))
        raise RockError(f'cannot run a container of "{resource}": no rock has that name; known are {known}')
    return rocks[resource]


@functools.cache
def path_of(executable: Executable) -> Path:
    """Return the file of an executable that is at hand; never fetch one.

    Raises:
        RockError: It is not at hand.
    """
    try:
        found = executable.present()
    except BinaryError as error:
        raise RockError(str(error)) from error
    if found is None:
        raise RockError(
            f"cannot run {executable.name}: it is not at hand; name a file in {executable.variable},"
            " or let rolecall get it"
        )
    return found.path


def lacking(resources: Iterable[str], rocks: Mapping[str, Rock] = ROCKS) -> list[str]:
    """List why containers of these resources can't run here: a sentence for each executable that lacks."""
    wanted = {PEBBLE_EXECUTABLE.name: PEBBLE_EXECUTABLE}
    for resource in resources:
        wanted |= {one.name: one for one in rock_of(resource, rocks).executables.values()}
    reasons: list[str] = []
    for executable in wanted.values():
        try:
            path_of(executable)
        except RockError as error:
            reasons.append(str(error))
    return reasons
