"""An executable of which only a Debian package is known is unpacked into the cache, and found there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolecall.core.binary import Binary
from rolecall.local.fetch.binaries import locate, present
from rolecall.local.fetch.found import BinaryError, Found

DEMO = Binary(
    name="demo",
    version="",
    variable="ROLECALL_DEMO",
    identify=("--version",),
    mark="demo, version",
    package="demo-tools",
)

APT = '#!/bin/sh\nfor package; do :; done\n[ "$package" = demo-tools ] && touch demo-tools_1_amd64.deb\n'
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin"
printf '#!/bin/sh\\necho demo, version %s\\n' "$DEMO_SAYS" > "$3/usr/bin/demo"
chmod +x "$3/usr/bin/demo"
"""


@pytest.fixture(autouse=True)
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stand-ins for Debian's tools first on PATH."""
    for name, text in {"apt-get": APT, "dpkg-deb": DPKG_DEB, "ldd": "#!/bin/sh\n"}.items():
        file = tmp_path / "tools" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:/usr/bin:/bin")
    monkeypatch.setenv("DEMO_SAYS", "2.42.0+ds")


def test_it_is_unpacked_once(tmp_path: Path):
    """The first search unpacks the package; later ones find it, under the version that it says."""
    entrance = tmp_path / "cache" / "demo-2.42.0+ds" / "demo"

    assert present(DEMO, cache=tmp_path / "cache") is None
    first = locate(DEMO, cache=tmp_path / "cache")
    second = locate(DEMO, cache=tmp_path / "cache")

    assert first == Found(name="demo", path=entrance, source="package", version="2.42.0+ds")
    assert second == Found(name="demo", path=entrance, source="cache", version="2.42.0+ds")


def test_a_package_with_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A program that doesn't say what it should isn't kept."""
    monkeypatch.setenv("DEMO_SAYS", "")
    (tmp_path / "tools" / "dpkg-deb").write_text(DPKG_DEB.replace("demo, version", "hello"))

    with pytest.raises(BinaryError, match="does not run here"):
        locate(DEMO, cache=tmp_path / "cache")
    assert present(DEMO, cache=tmp_path / "cache") is None


def test_other_sources_come_first(tmp_path: Path):
    """Only the sources that were asked for are looked at."""
    with pytest.raises(BinaryError) as raised:
        locate(DEMO, cache=tmp_path / "cache", sources=("path", "cache"))

    assert "PATH has no demo" in str(raised.value)
    assert "package" not in str(raised.value)
