"""What a gateway says of itself at `/gateway`."""

from __future__ import annotations

import msgspec

from rolecall.juju.net import Net


class Told(msgspec.Struct):
    """Which config a gateway follows, and which units it sends to; nothing while it doesn't say."""

    config: str = ""
    units: tuple[str, ...] = ()
    rolling: bool = False
    """Whether, as far as its coordinator knows, units have yet to restart or to hand over."""


def ask(net: Net, scheme: str, address: str, port: int) -> Told | None:
    """Ask a gateway; None when it doesn't answer in this scheme."""
    answer = net.ask(f"{scheme}://{address}:{port}/gateway")
    if answer.status != 200:
        return None
    try:
        return msgspec.json.decode(answer.text, type=Told)
    except msgspec.DecodeError:
        return Told()
