"""Name a product on the command line."""

from __future__ import annotations

from rolecall.cli import errors
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS


def named(name: str | None) -> tuple[Product, ...]:
    """Return the product of that name, or all of them.

    Raises:
        errors.Refused: there is no such product.
    """
    if name is None:
        return tuple(PRODUCTS.values())
    if name not in PRODUCTS:
        from difflib import get_close_matches

        close = get_close_matches(name, PRODUCTS, n=1)
        hint = f'did you mean "{close[0]}"? ' if close else ""
        raise errors.refuse(
            errors.BAD_INPUT,
            "unknown-product",
            f'cannot find product "{name}": there is no such product',
            f"{hint}the products are {', '.join(PRODUCTS)}",
        )
    return (PRODUCTS[name],)
