"""nginx comes from the system, or unpacked from the distribution's package without root."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rolecall.local.fetch import debian
from rolecall.local.fetch.found import BinaryError, Found
from rolecall.local.fetch.identify import output_of
from rolecall.local.fetch.nginx_binary import locate_nginx, present_nginx

NGINX = "#!/bin/sh\necho nginx version: nginx/{version} >&2\necho libraries: $LD_LIBRARY_PATH\n"

FAKE_APT = """#!/bin/sh
# Has no lists but those that it was told to keep elsewhere.
for word; do case "$word" in
  Dir::State::lists=*) lists=${word#*=};;
  update) touch "$lists/filled"; exit 0;;
esac; done
for package; do :; done
[ -e "$lists/filled" ] || { echo "E: Unable to locate package $package"; exit 100; }
touch "${package}_1_amd64.deb"
"""
FAKE_DPKG_DEB = """#!/bin/sh
if [ "$1" = -f ]; then echo "libc6 (>= 2.34), libdemo1 (>= 1) | libdemo0, iproute2, nginx-common"; exit; fi
case "$2" in
  */nginx_1_amd64.deb) mkdir -p "$3/usr/sbin"; cp "$NGINX_FILE" "$3/usr/sbin/nginx";;
  */libdemo1_1_amd64.deb) mkdir -p "$3/usr/lib/x"; touch "$3/usr/lib/x/libdemo.so.1";;
  *) exit 2;;
esac
"""
FAKE_LDD = """#!/bin/sh
case "$LD_LIBRARY_PATH" in */usr/lib/x) exit;; esac
[ -z "$LACKING" ] || echo "	libdemo.so.1 => not found"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put stand-ins for Debian's tools first on PATH."""
    folder = tmp_path / "tools"
    for name, text in {"apt-get": FAKE_APT, "dpkg-deb": FAKE_DPKG_DEB, "ldd": FAKE_LDD}.items():
        executable(folder / name, text)
    monkeypatch.setenv("NGINX_FILE", str(executable(tmp_path / "packed" / "nginx")))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def executable(file: Path, text: str = NGINX.format(version="1.22.1")) -> Path:
    """Write an executable file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_the_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The nginx that the administrator named is the one that is used."""
    named = executable(tmp_path / "mine")
    monkeypatch.setenv("ROLECALL_NGINX", str(named))

    expected = Found(name="nginx", path=named, source="variable", version="1.22.1")
    assert locate_nginx(cache=tmp_path) == expected
    assert present_nginx(cache=tmp_path) == expected


def test_a_variable_that_names_another_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that does not say that it is nginx is refused, not passed over."""
    monkeypatch.setenv("ROLECALL_NGINX", str(executable(tmp_path / "mine", "#!/bin/sh\necho hello\n")))

    with pytest.raises(BinaryError, match="it does not say that it is nginx"):
        locate_nginx(cache=tmp_path)


def test_path_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An nginx on PATH is found, and another program of that name is not."""
    other = executable(tmp_path / "other" / "nginx", "#!/bin/sh\necho hello\n")
    real = executable(tmp_path / "real" / "nginx")
    monkeypatch.setenv("PATH", f"{other.parent}:{real.parent}:/usr/bin:/bin")

    assert locate_nginx(sources={"path"}).path == real


def test_the_newest_of_the_cache_that_runs_is_taken(tmp_path: Path):
    """Versions compare as numbers, and a broken entry doesn't count."""
    executable(tmp_path / "nginx-1.9.0" / "nginx", NGINX.format(version="1.9.0"))
    newest = executable(tmp_path / "nginx-1.22.1" / "nginx")
    executable(tmp_path / "nginx-1.30.0" / "nginx", "#!/nowhere\n")

    assert locate_nginx(sources={"cache"}, cache=tmp_path).path == newest


def test_without_apt_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where there's no apt-get, the administrator is told to install nginx or to name one."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BinaryError) as caught:
        locate_nginx(sources={"cache", "package"}, cache=tmp_path)

    assert str(caught.value) == (
        f"cannot find nginx: {tmp_path} has no nginx, there is no apt-get here to fetch its package;"
        " install your system's nginx package or name the file in ROLECALL_NGINX"
    )


@pytest.mark.usefixtures("tools")
def test_the_package_is_unpacked_into_the_cache(tmp_path: Path):
    """Without package lists apt gets lists of its own, and the cache holds the executable alone."""
    cache = tmp_path / "cache"
    texts: list[str] = []

    unpacked = locate_nginx(
        lambda name, text: texts.append(f"{name}: {text}"), sources={"package"}, cache=cache
    )

    assert unpacked == Found(
        name="nginx", path=cache / "nginx-1.22.1" / "nginx", source="package", version="1.22.1"
    )
    assert unpacked.path.resolve() == cache / "nginx-1.22.1" / "usr" / "sbin" / "nginx"
    assert "nginx: refreshing package lists of our own, 0 s" in texts
    assert sorted(file.name for file in cache.iterdir()) == [".nginx.lock", "nginx-1.22.1"]
    assert present_nginx(cache=cache) is not None


@pytest.mark.usefixtures("tools")
def test_libraries_that_the_system_lacks_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A missing library is unpacked too, and found through the entrance wherever the cache lies."""
    monkeypatch.setenv("LACKING", "1")

    unpacked = locate_nginx(sources={"package"}, cache=tmp_path / "cache")

    moved = (tmp_path / "cache").rename(tmp_path / "moved") / "nginx-1.22.1"
    assert unpacked.version == "1.22.1"
    assert f"libraries: {moved}/usr/lib/x\n" in output_of(moved / "nginx", ())


def test_a_package_that_is_not_to_be_had_leaves_nothing(tools: Path, tmp_path: Path):
    """When apt-get can't download, the error says so and the cache stays empty."""
    executable(tools / "apt-get", "#!/bin/sh\nexit 100\n")
    cache = tmp_path / "cache"

    with pytest.raises(BinaryError, match="apt-get can't download nginx"):
        locate_nginx(sources={"package"}, cache=cache)

    assert [file.name for file in cache.iterdir()] == [".nginx.lock"]


@pytest.mark.real
@pytest.mark.skipif(not debian.available(), reason="needs apt-get, dpkg-deb and ldd")
def test_the_real_package_runs(tmp_path: Path):
    """The distribution's own nginx, unpacked without installing it, says its version."""
    try:
        unpacked = locate_nginx(sources={"package"}, cache=tmp_path)
    except BinaryError as error:
        if "can't download" in str(error):
            pytest.skip("needs a Debian mirror")
        raise

    assert output_of(unpacked.path, ("-v",)) == f"nginx version: nginx/{unpacked.version}\n"
    assert shutil.which("nginx") != str(unpacked.path)
