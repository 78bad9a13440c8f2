"""`rolecall roles`: what each product's workers may run."""

from __future__ import annotations

import click

from rolecall.cli import errors, options, products, table
from rolecall.core.product import Product
from rolecall.core.roles import Combine, Line, Role

_COMBINE = {
    Combine.ANY: "a worker may run any of them together",
    Combine.ONE: "a worker runs exactly one of them",
}


@click.command(
    epilog="""\b
Examples:
  rolecall roles
  rolecall roles loki
  rolecall roles loki --json
"""
)
@click.argument("product", required=False)
@options.as_json
def command(product: str | None, as_json: bool) -> None:
    """List the roles of PRODUCT, or of every product: what each does, needs and keeps.

    A meta-role is a name for several roles. A coherent cluster runs every required role.
    """
    chosen = products.named(product)
    if as_json:
        errors.show_json({"products": [_data(one) for one in chosen]})
        return
    click.echo("\n\n".join(_text(one, line) for one in chosen for line in one.lines))


def _text(product: Product, line: Line) -> str:
    default = " (default)" if len(product.lines) > 1 and line is product.lines[0] else ""
    rows = [
        (
            role.name,
            "required" if role.required else "optional",
            role.keeps.value,
            ", ".join(_holders(line, role)) or "-",
            role.summary,
        )
        for role in line.roles
    ]
    told = [f"  {text}" for text in table.columns(("ROLE", "", "KEEPS", "PART OF", "WHAT IT DOES"), rows)]
    metas = [f"  {meta.name} = {', '.join(meta.roles)}" for meta in line.meta_roles]
    insides = [f"  {role.name}: {', '.join(_inside(role))}" for role in line.roles if _inside(role)]
    return "\n".join(
        (
            f"{product.title} {line.name}{default}: {_COMBINE[line.combine]}",
            *told,
            *(("", "  Meta-roles", *metas) if metas else ()),
            *(("", "  What upstream runs inside", *insides) if insides else ()),
        )
    )


def _inside(role: Role) -> tuple[str, ...]:
    return role.components or (role.targets if role.targets != (role.name,) else ())


def _holders(line: Line, role: Role) -> tuple[str, ...]:
    return tuple(meta.name for meta in line.meta_roles if role.name in meta.roles)


def _data(product: Product) -> dict[str, object]:
    return {
        "name": product.name,
        "title": product.title,
        "lines": [
            {
                "name": line.name,
                "default": line is product.lines[0],
                "combine": line.combine.value,
                "roles": [_role(line, role) for role in line.roles],
                "meta-roles": [{"name": meta.name, "roles": meta.roles} for meta in line.meta_roles],
            }
            for line in product.lines
        ],
    }


def _role(line: Line, role: Role) -> dict[str, object]:
    return {
        "name": role.name,
        "summary": role.summary,
        "required": role.required,
        "keeps": role.keeps.name.lower(),
        "ring": role.ring,
        "targets": role.upstream,
        "components": role.components,
        "meta-roles": _holders(line, role),
    }
