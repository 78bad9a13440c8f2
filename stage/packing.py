"""Put a charm's files where a unit runs them, as packing and unpacking it would."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import yaml

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".git", "*.pyc", "tests", ".venv")
_BUILD_KEYS = ("config", "actions", "parts", "platforms", "base", "build-base", "bases", "type", "charm-libs")


def unzipped(packed: Path, folder: Path) -> Path:
    """Return the folder that holds what is in a packed charm, beneath `folder`, with its permissions."""
    target = folder / packed.stem
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(packed) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, target))
            if mode := entry.external_attr >> 16:
                path.chmod(mode & 0o777)
    return target


def unpack(source: Path, target: Path) -> None:
    """Copy a charm directory, and write the files that Charmcraft makes of a lone `charmcraft.yaml`.

    What was in `target` goes: a pod starts from the charm, not from what the last pod left.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=_LEFT_OUT)
    single = target / "charmcraft.yaml"
    if not single.is_file():
        return
    document = yaml.safe_load(single.read_text())
    made = {
        "metadata.yaml": {key: value for key, value in document.items() if key not in _BUILD_KEYS},
        "config.yaml": document.get("config"),
        "actions.yaml": document.get("actions"),
    }
    for name, content in made.items():
        if content and not (target / name).exists():
            (target / name).write_text(yaml.safe_dump(content, sort_keys=False))
