"""The gateway on this machine: one nginx, tested before it is loaded, reloaded and never restarted."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rolecall.core import coordinator, gateway, htpasswd, nginx
from rolecall.core.model import ProcessSpec
from rolecall.core.product import Product, Settings
from rolecall.local import home as disk
from rolecall.local import logs, processes
from rolecall.local.home import Home
from rolecall.local.processes import Running
from rolecall.local.supervisor import GATEWAY, Supervisor, wait_for

_TEST_S = 30.0
_RELOAD_S = 20.0


class GatewayError(Exception):
    """nginx refused a config, or didn't take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the administrator wants of the gateway."""

    address: str
    ports: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalGateway:
    """The nginx of one cluster."""

    home: Home
    binary: str
    version: str
    supervisor: Supervisor

    def observe(self, product: Product, wish: Wish, settings: Settings) -> coordinator.Front:
        """Say what the gateway is and which units it sends to."""
        return coordinator.Front(
            options=gateway.options_of(
                product, settings, address=wish.address, ports=wish.ports, admin_file=str(self._htpasswd)
            ),
            dialect=nginx.Dialect.of(self.version),
            paths=nginx.Paths(prefix=str(self.home.gateway), user=processes.gateway_user()),
            serving=frozenset(disk.read_list(self.home.serving)),
        )

    @property
    def loaded(self) -> str:
        """The config that the running nginx follows; empty when there is none, or it isn't known to."""
        master = processes.running(self.home.root).get(GATEWAY)
        text = disk.read_text(self._config)
        if master is None or text is None or disk.read_map(self._followed) != _mark(master, text):
            return ""
        return text

    def load(self, text: str, serving: frozenset[str], *, admin: bool) -> None:
        """Test a config, write it and have nginx take it up; the last good one stays if it is refused.

        Returns once every process that follows an older config has stopped accepting requests, so a unit
        that is left out gets no new ones.

        Raises:
            GatewayError: nginx refused the config, or didn't follow it in time.
        """
        if admin:
            self._credentials()
        self._test(text)
        # A unit that joins may be written down late, one that leaves must stay until it is really out.
        before = frozenset(disk.read_list(self.home.serving))
        disk.write_json(self.home.serving, sorted(before | serving))
        master, good = processes.running(self.home.root).get(GATEWAY), disk.read_text(self._config)
        disk.write(self._config, text)
        try:
            master = self._start() if master is None else self._reload(master)
        except TimeoutError as error:
            if master is not None and good is not None:
                # What nginx goes on with is what it must find should it be started anew.
                disk.write(self._config, good)
            said = logs.last_error(self.home.log, GATEWAY)
            raise GatewayError(f"cannot load the gateway: nginx says: {said or error}") from error
        # Last: if we are ended before, the next look doesn't take the text for loaded.
        disk.write_json(self._followed, _mark(master, text))
        disk.write_json(self.home.serving, sorted(serving))

    def _start(self) -> Running:
        self.supervisor.start(self._spec())

        def serves() -> bool:
            master = processes.running(self.home.root).get(GATEWAY)
            return master is not None and bool(_workers(master.pid))

        wait_for(serves, _RELOAD_S, "the gateway to start")
        return processes.running(self.home.root)[GATEWAY]

    @staticmethod
    def _reload(master: Running) -> Running:
        old = _workers(master.pid)
        os.kill(master.pid, signal.SIGHUP)

        def followed() -> bool:
            accepting = _accepting(master.pid)
            return bool(accepting - old) and not (accepting & old)

        wait_for(followed, _RELOAD_S, "the gateway to follow its new config")
        return master

    def _test(self, text: str) -> None:
        self.home.gateway.mkdir(parents=True, exist_ok=True)
        trial = self.home.gateway / "trial.conf"
        disk.write(trial, text)
        result = subprocess.run(
            [self.binary, "-t", "-q", "-c", str(trial), "-p", str(self.home.gateway), "-e", "stderr"],
            capture_output=True,
            text=True,
            timeout=_TEST_S,
            check=False,
        )
        trial.unlink(missing_ok=True)
        if result.returncode:
            raise GatewayError(f"cannot load the gateway: nginx says: {result.stderr.strip()[:500]}")

    def _spec(self) -> ProcessSpec:
        command = (self.binary, "-c", str(self._config), "-p", str(self.home.gateway), "-e", "stderr")
        return ProcessSpec(name=GATEWAY, command=command, kill_delay_s=10)

    @property
    def _config(self) -> Path:
        return self.home.gateway / "nginx.conf"

    @property
    def _followed(self) -> Path:
        return self.home.gateway / "followed.json"

    @property
    def _htpasswd(self) -> Path:
        return self.home.secrets / "htpasswd"

    def _credentials(self) -> None:
        """Make the admin's password on first use: one file for the person, one for nginx."""
        password = self.home.secrets / "admin"
        if password.exists() and self._htpasswd.exists():
            return
        word = secrets.token_urlsafe(24)
        disk.write(password, f"admin:{word}\n", 0o600)
        disk.write(self._htpasswd, htpasswd.line("admin", word, secrets.token_bytes(8)), 0o600)


def _mark(master: Running, text: str) -> dict[str, object]:
    """Tell which nginx follows which text."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"process": master.pid, "started": master.started, "text": digest}


def _workers(master: int) -> frozenset[int]:
    try:
        text = Path(f"/proc/{master}/task/{master}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return frozenset()
    return frozenset(int(word) for word in text.split())


def _accepting(master: int) -> frozenset[int]:
    """List the workers that still take new requests: the others call themselves shutting down."""
    return frozenset(pid for pid in _workers(master) if "shutting down" not in _title(pid))


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "shutting down"
