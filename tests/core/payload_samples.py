"""Facts that tests of payloads start from."""

from __future__ import annotations

from rolecall.core.payloads import Facts, Target
from rolecall.core.payloads.facts import base_urls
from rolecall.core.product import Product, Settings

_SERVICE = "{app}.prod.svc.cluster.local"
_UNIT = "{app}-{number}.{app}-endpoints.prod.svc.cluster.local"


def some_facts(product: Product, *, tls: bool = False, coordinators: int = 2) -> Facts:
    """Build the facts of `<product>/0` in the model `prod`, with two workers and no ingress."""
    app = product.name
    ports = {listener.name: listener.number for listener in product.opened(Settings())}
    names = [f"{app}/{number}" for number in range(coordinators)]
    return Facts(
        product=product,
        model="prod",
        model_uuid="7f3d2c1b-8a4e-4f6d-9b0a-1c2d3e4f5a6b",
        app=app,
        unit=f"{app}/0",
        charm=f"{app}-coordinator",
        host=_UNIT.format(app=app, number=0),
        address="10.1.0.10",
        ports=ports,
        urls=base_urls(ports, _SERVICE.format(app=app), tls=tls),
        tls=tls,
        coordinators={name: _UNIT.format(app=app, number=number) for number, name in enumerate(names)},
        workers=tuple(
            Target(
                app="worker",
                unit=f"worker/{number}",
                address=f"10.1.0.2{number}",
                port=product.port("http"),
                charm=f"{app}-worker",
            )
            for number in range(2)
        ),
        exporters=tuple(
            Target(app=app, unit=name, address=f"10.1.0.1{number}", port=9113)
            for number, name in enumerate(names)
        ),
    )
