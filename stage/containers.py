"""The file systems of a pod: what its containers see, as a shell script that a new mount namespace runs.

A workload container sees a root of its own: the host's programs in `/usr` (what is written there is the
container's), an `/etc` of its own, empty `/var` and `/tmp`, its executables at the image's paths and its
storage at the charm's. Only storage outlives it. The charm container sees the host, with an `/etc` of its
own and `/charm`. Nothing is mounted in the host's own namespace.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from stage.mounts import Bind, begun, bound, entered, layered
from stage.rocks import Executable, Rock, path_of
from stage.seam import PodSpec

SOCKET = "pebble.socket"
"""Name of a Pebble's socket, in `/charm/container` and in the charm's `/charm/containers/<name>`."""

LAYERS = "/charm/layers"
"""Where it can be seen what a container wrote over the host's folders."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_FOLDERS = ("dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr")
_VARIABLE = ("var/cache", "var/lib", "var/log", "var/tmp")
_FOR_ALL = ("tmp", "var/tmp")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""What a merged system has as links into `/usr`."""

# Images know no user of the host. nginx's workers run as one of these where its config says so.
_USERS = {"root": 0, "www-data": 33, "nginx": 101, "nobody": 65534, "_daemon_": 584792}

_NAMES = ("hosts", "hostname", "resolv.conf")
"""The files of `/etc` that belong to the pod and not to a container."""


class ContainerError(Exception):
    """A container's file system can't be made here."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one container, or of the charm container, lies on the host."""

    folder: Path

    @property
    def root(self) -> Path:
        """What the container has as `/`, but for what is mounted there."""
        return self.folder / "root"

    @property
    def layers(self) -> Path:
        """Where its namespace keeps what it writes over the host's folders, in memory."""
        return self.folder / "layers"

    @property
    def socket_folder(self) -> Path:
        """What the container has as `/charm/container`."""
        return self.folder / "socket"

    @property
    def log(self) -> Path:
        """What its Pebble and its services print."""
        return self.folder / "log"

    def clear(self) -> None:
        """Make its folders, and empty them; the log stays, and the socket's folder stays the same one.

        What was mounted in its namespace is not there in the host's, so that storage is out of reach.
        """
        for folder in (self.root, self.layers):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        self.socket_folder.mkdir(exist_ok=True)
        for file in self.socket_folder.iterdir():
            file.unlink()


def names_of(spec: PodSpec) -> Path:
    """Name the folder of the files of `/etc` that belong to the pod; every container sees it."""
    return spec.folder / "pod" / "names"


def write_names(spec: PodSpec, hosts: Mapping[str, str]) -> None:
    """Write the files that tell a pod's containers who they are and whom they know; each is always whole.

    Args:
        spec: The pod.
        hosts: Name to address of all others.
    """
    folder = names_of(spec)
    own = f"{spec.address} {spec.fqdn} {spec.hostname}"
    known = [f"{address} {name}" for name, address in hosts.items()]
    texts = {
        "hosts": "\n".join(("127.0.0.1 localhost", own, *known, "")),
        "hostname": f"{spec.hostname}\n",
        # Nobody answers there: a name that no file holds is refused at once, and no question leaves the host.
        "resolv.conf": f"nameserver {spec.address}\noptions attempts:1 timeout:1\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        part = folder / f".{name}"
        part.write_text(text)
        part.chmod(0o644)
        part.replace(folder / name)


def workload(home: Home, rock: Rock, *, pebble: Executable, names: Path, storage: Mapping[str, Path]) -> str:
    """Make the files of a workload container's root, and return the script that makes the rest and enters it.

    The script ends as Pebble. It needs mount and pid namespaces of its own.

    Args:
        home: Where to make it; cleared before.
        rock: What the image holds.
        pebble: Its entry process.
        names: Folder of the pod's own files of `/etc`.
        storage: Path in the container to the host's folder.

    Raises:
        RockError: An executable is not at hand.
        ContainerError: A storage folder is missing, or the host is laid out in another way than images are.
    """
    if missing := [str(source) for source in storage.values() if not source.is_dir()]:
        raise ContainerError(f"cannot mount {', '.join(missing)}: there is no such folder; make it first")
    executables = [*rock.executables.items(), ("/charm/bin/pebble", pebble)]
    binds = [
        Bind(Path("/dev"), "/dev", deep=True),
        Bind(Path("/sys"), "/sys", deep=True),
        *(Bind(Path(one), one, read_only=True) for one in ("/etc/alternatives",) if Path(one).is_dir()),
        Bind(names, "/charm/pod", read_only=True),
        Bind(home.layers, LAYERS, read_only=True),
        Bind(home.socket_folder, "/charm/container"),
        *(Bind(source, path) for path, source in storage.items()),
    ]
    for path, executable in executables:
        binds.extend(_provided(home, path, path_of(executable)))
    _fill(home.root, rock)
    return "\n".join(
        (
            *begun(home.root, home.layers),
            *layered(home.root, home.layers, ("usr", *(("etc/ssl",) if Path("/etc/ssl").is_dir() else ()))),
            *bound(home.root, binds),
            *entered(home.root),
            f"exec env -i {_PEBBLE_ENVIRONMENT} /charm/bin/pebble run --create-dirs --hold --verbose",
        )
    )


_PEBBLE_ENVIRONMENT = (
    f"PATH={SEARCH_PATH} HOME=/root PEBBLE=/var/lib/pebble/default PEBBLE_SOCKET=/charm/container/{SOCKET}"
)
"""As Juju starts a workload container's Pebble."""


def charm(home: Home, spec: PodSpec, *, sockets: Mapping[str, Path]) -> str:
    """Make the files of the charm container's root, and return the script that makes the rest and enters it.

    The script ends as a process that waits in the charm's folder until its standard input is closed, after
    it wrote a line. It needs mount, pid and UTS namespaces of its own.

    Args:
        home: Where to make it; cleared before.
        spec: The pod.
        sockets: Container to the folder of its Pebble's socket.
    """
    folders: list[Bind] = []
    for entry in Path("/").iterdir():
        if entry.is_symlink():
            (home.root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir() and entry.name not in {"etc", "proc", "charm"}:
            folders.append(Bind(entry, f"/{entry.name}", deep=True))
    for name in ("etc", "proc"):
        (home.root / name).mkdir()
    # First the folder that this root itself lies in, while nothing is mounted in the root yet: what is would
    # be mounted twice.
    folders.sort(key=lambda bind: not home.root.is_relative_to(bind.source))
    binds = [
        *folders,
        Bind(names_of(spec), "/charm/pod", read_only=True),
        Bind(home.layers, LAYERS, read_only=True),
        *(Bind(folder, f"/charm/containers/{name}") for name, folder in sockets.items()),
    ]
    return "\n".join(
        (
            *begun(home.root, home.layers),
            f"echo {quote(spec.hostname)} > /proc/sys/kernel/hostname",
            *bound(home.root, binds),
            *layered(home.root, home.layers, ("etc",)),
            f"cd {quote(str(home.root))}/etc",
            *(f"ln -sfn /charm/pod/{name} {name}" for name in _NAMES),
            *entered(home.root),
            f"cd {quote(str(spec.charm_dir))}",
            "echo up",
            # As an init it is the parent of whom a hook leaves behind: what ends then leaves no trace.
            "trap '' CHLD",
            "exec cat > /dev/null",
        )
    )


def _fill(root: Path, rock: Rock) -> None:
    """Make the folders and files of a container that are not the host's."""
    for folder in (*_FOLDERS, *_VARIABLE, *(one.lstrip("/") for one in rock.folders)):
        (root / folder).mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    for folder in _FOR_ALL:
        (root / folder).chmod(0o1777)
    _link(root)
    etc = root / "etc"
    (etc / "passwd").write_text(_users("x:{id}:{id}::/:/usr/sbin/nologin"))
    (etc / "group").write_text(f"{_users('x:{id}:')}nogroup:x:65534:\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    for name in _NAMES:
        (etc / name).symlink_to(f"/charm/pod/{name}")
    for name in ("ld.so.cache", "ca-certificates.conf"):
        if (source := Path("/etc") / name).exists():
            shutil.copyfile(source, etc / name)


def _link(root: Path) -> None:
    for name in _LINKS:
        host = Path("/") / name
        if host.is_symlink():
            # A link that begins at `/` would lead out of the root until the root is entered.
            (root / name).symlink_to(str(host.readlink()).lstrip("/"))
        elif host.exists():
            raise ContainerError(
                f"cannot make a container's file system: {host} of this host is no link into /usr;"
                " use a host whose /usr is merged"
            )


def _users(form: str) -> str:
    return "".join(f"{name}:{form.format(id=number)}\n" for name, number in _USERS.items())


def _provided(home: Home, path: str, source: Path) -> Sequence[Bind]:
    """Put an executable at its path: the file itself, or what starts it where it lies."""
    file = source.resolve()
    with file.open("rb") as opened:
        if opened.read(2) != b"#!":
            return (Bind(file, path, read_only=True),)
    # It finds what it needs beside itself, so its whole folder comes along.
    folder = f"/opt/{Path(path).name}"
    launcher = home.folder / f"{Path(path).name}.sh"
    launcher.write_text(f'#!/bin/sh\nexec {folder}/{quote(file.name)} "$@"\n')
    launcher.chmod(0o755)
    return (Bind(file.parent, folder, read_only=True), Bind(launcher, path, read_only=True))
