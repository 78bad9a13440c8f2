"""A bundle for `juju deploy`: the text of its YAML.

Source: https://canonical.com/juju/docs/juju-cli/latest/reference/bundle/.
"""

from __future__ import annotations

import yaml

from rolecall.core.tree import Tree
from rolecall.juju.export import Application, Exported


def text(exported: Exported) -> str:
    """Return the text of a bundle.yaml."""
    bundle: Tree = {
        "bundle": "kubernetes",
        "applications": {one.name: _application(one) for one in exported.applications},
        "relations": [[":".join(one.one), ":".join(one.other)] for one in exported.integrations],
    }
    return _keys(exported) + yaml.dump(bundle, Dumper=yaml.CSafeDumper, sort_keys=False, width=100)


def _application(application: Application) -> Tree:
    described: Tree = {
        "charm": application.charm,
        "channel": application.channel,
        "num_units": application.units,
    }
    return {**described, "options": dict(application.options)} if application.options else described


def _keys(exported: Exported) -> str:
    """Say how each bucket and its keys get there: no bundle may hold the keys."""
    lines = ["# juju deploy ./bundle.yaml"]
    for name, known in ((one.name, one.options) for one in exported.applications if one.keys):
        if missing := [f"{key}=…" for key in ("endpoint", "bucket") if key not in known]:
            lines.append(f"# juju config {name} {' '.join(missing)}")
        lines += [
            f"# juju add-secret {name}-keys access-key=… secret-key=…    # prints secret:ID",
            f"# juju grant-secret {name}-keys {name}",
            f"# juju config {name} credentials=secret:ID",
        ]
    return "".join(f"{line}\n" for line in lines)
