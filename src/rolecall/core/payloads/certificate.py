"""What a coordinator unit's certificate is for: the names that its gateway is reached by, and no others.

No worker is among them: a certificate that named workers would have to be asked for anew whenever one joins.
"""

from __future__ import annotations

import ipaddress

from msgspec import Struct

from rolecall.core.payloads.facts import service_host

_LONGEST_COMMON_NAME = 64
"""RFC 5280, appendix A.1, ub-common-name."""


class Names(Struct, frozen=True, kw_only=True):
    """The subject of a certificate."""

    common: str
    """Empty where every name is too long for it."""
    dns: tuple[str, ...]
    ips: tuple[str, ...]


def names(app: str, host: str, *, address: str = "", external: str = "") -> Names:
    """Build the subject for one coordinator unit.

    `host` is its fully qualified name, `address` its IP address, `external` the ingress' host where there is
    one.
    """
    given = tuple(dict.fromkeys(one for one in (external, service_host(app, host), host, address) if one))
    ips = tuple(one for one in given if _is_ip(one))
    dns = tuple(one for one in given if one not in ips)
    common = next((one for one in dns if len(one) <= _LONGEST_COMMON_NAME), "")
    return Names(common=common, dns=tuple(sorted(dns)), ips=tuple(sorted(ips)))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
