"""What runs outside the daemon: the hook tools' client, which charms find on their PATH."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_SOURCE = Path(__file__).parent / "hook_tool.py"
_SCRIPT = ".hook-tool"


def install_tools(folder: Path, names: Iterable[str], python: Path) -> None:
    """Fill `folder` with a link for each hook tool, to one script that starts as fast as Python can."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / _SCRIPT
    script.write_text(f"#!{python} -ISE\n{_SOURCE.read_text()}")
    script.chmod(0o755)
    for name in names:
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(_SCRIPT)
