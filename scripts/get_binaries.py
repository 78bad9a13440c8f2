"""Get every executable that the real-binary tests use; name those that can't be had here.

An executable that we can't build, and whose release can't be reached, is no failure: the tests that need
it skip, and say so.
"""

from __future__ import annotations

import sys

from rolecall.core.products import PRODUCTS
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.found import BinaryError, Found
from rolecall.local.fetch.helpers import NGINX_EXPORTER, PEBBLE, PROMETHEUS, VERSITYGW


def main() -> int:
    """Return 3 when an executable that can be had everywhere couldn't."""
    failed = False
    helpers = (PEBBLE, VERSITYGW, PROMETHEUS, NGINX_EXPORTER)
    wanted = [*(product.binary for product in PRODUCTS.values()), *helpers]
    for binary in wanted:
        try:
            _show(binaries.locate(binary, progress=_say))
        except BinaryError as error:
            print(error, file=sys.stderr)
            failed = failed or binary.module is not None
            if binary.module is None:
                print(f"{binary.name}: its tests will be skipped", file=sys.stderr)
    try:
        _show(nginx_binary.locate_nginx(_say))
    except BinaryError as error:
        print(error, file=sys.stderr)
        failed = True
    return 3 if failed else 0


def _say(name: str, text: str) -> None:
    print(f"{name}: {text}", flush=True)


def _show(found: Found) -> None:
    print(f"{found.name} {found.version}: {found.path} ({found.source})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
