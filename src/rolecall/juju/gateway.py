"""The gateway in its container: one nginx, tested before it is loaded, reloaded and never restarted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import ops
from msgspec import Struct
from ops import pebble

from rolecall.core import loglines, nginx
from rolecall.core.charm import EXPORTER
from rolecall.core.charm import NGINX as CONTAINER
from rolecall.juju import containers, told
from rolecall.juju.net import Net

if TYPE_CHECKING:
    from ops.pebble import CheckDict, ServiceDict

STATUS_PORT = 9145
"""Where nginx shows its counters to the exporter, inside the pod."""
EXPORTER_PORT = 9113
PASSWORDS = "/etc/nginx/rolecall/admin.htpasswd"

_CONFIG = "/etc/nginx/nginx.conf"
_TRIAL = "/etc/nginx/trial.conf"
_PREFIX = "/var/lib/rolecall"
_VERSION = "ROLECALL_NGINX_VERSION"
_CERTIFICATES = "/etc/nginx/rolecall"
_EXEC_S = 20.0
_RELOAD_S = 10.0
_ANSWERS, _BETWEEN_S = 5, 0.03
"""How many answers in a row, and how far apart, show that no worker of an older config accepts."""


class GatewayError(Exception):
    """nginx refused a config, or didn't take it."""


class Loaded(Struct, frozen=True, kw_only=True):
    """What the running nginx does."""

    text: str = ""
    """Its config; empty when none is known to be loaded."""
    units: tuple[str, ...] = ()
    """Units that it sends to."""


class Tls(Struct, frozen=True, kw_only=True):
    """Where the certificate of the gateway is in its container."""

    certificate: str = ""
    key: str = ""


class NginxGateway:
    """The nginx of one coordinator unit."""

    def __init__(self, unit: ops.Unit, net: Net, address: str, port: int) -> None:
        """Speak of the gateway that answers on `address` and, at its main listener, on `port`."""
        self._container = unit.get_container(CONTAINER)
        self._exporter = unit.get_container(EXPORTER)
        self._net = net
        self._address = address
        self._port = port
        self._plan: pebble.Plan | None = None
        self._config: str | None = None
        """The config as it was read; each look at the container costs a hook a millisecond."""

    @property
    def reachable(self) -> bool:
        """Whether its container is up."""
        if self._plan is None:
            self._plan = containers.plan_of(self._container)
        return self._plan is not None

    def dialect(self) -> nginx.Dialect:
        """Return what the nginx in the container understands."""
        return nginx.Dialect.of(self._version())

    def paths(self) -> nginx.Paths:
        """Return where nginx keeps its files; in its container it has the machine to itself."""
        return nginx.Paths(prefix=_PREFIX, user="root")

    def observe(self) -> Loaded:
        """Ask nginx which config it follows, and whom it sends to."""
        if self._service() is None:
            return Loaded()
        text = self._text()
        said = self._told(text)
        return Loaded(text=text if said.config == nginx.mark_of(text) else "", units=said.units)

    def load(self, text: str) -> None:
        """Test a config, write it and have nginx take it up; the last good one stays if it is refused.

        Returns once nginx answers by the new one.

        Raises:
            GatewayError: nginx refused the config, or didn't follow it in time.
        """
        self._container.make_dir(_PREFIX, make_parents=True)
        containers.write_text(self._container, _TRIAL, text, 0o640)
        self._run("nginx", "-t", "-q", "-c", _TRIAL, "-p", _PREFIX, "-e", "stderr")
        good = containers.read_text(self._container, _CONFIG)
        self._plan = self._config = None
        containers.write_text(self._container, _CONFIG, text, 0o640)
        try:
            self._follow(text)
        except GatewayError:
            if good is not None:
                # What nginx goes on with is what it must find should it be started anew.
                containers.write_text(self._container, _CONFIG, good, 0o640)
            raise

    def keep_certificate(self, certificate: str, key: str, basis: str) -> Tls:
        """Have a certificate and its key in the container, under names that are theirs alone.

        `basis` tells what they were found by, so that nobody has to look for them while that stays.
        """
        digest = hashlib.sha256(certificate.encode()).hexdigest()[:16]
        tls = Tls(certificate=f"{_CERTIFICATES}/{digest}.crt", key=f"{_CERTIFICATES}/{digest}.key")
        if not self.reachable:
            return tls
        if containers.read_text(self._container, tls.certificate) != certificate:
            # The key first: whoever finds the certificate takes both for there.
            containers.write_text(self._container, tls.key, key, 0o600)
            containers.write_text(self._container, tls.certificate, certificate)
        if self.basis_of(tls) != basis:
            containers.write_text(self._container, _noted(tls), basis)
        return tls

    def basis_of(self, tls: Tls) -> str:
        """Return what a certificate was kept with; empty where that isn't known."""
        if not tls.certificate or not self.reachable:
            return ""
        return containers.read_text(self._container, _noted(tls)) or ""

    def kept_certificate(self) -> Tls:
        """Return the certificate that nginx serves with now; without one, empty paths."""
        if not self.reachable:
            return Tls()
        words = self._text().split()
        found = {
            name: words[words.index(name) + 1].rstrip(";")
            for name in ("ssl_certificate", "ssl_certificate_key")
            if name in words
        }
        return Tls(certificate=found.get("ssl_certificate", ""), key=found.get("ssl_certificate_key", ""))

    def keep_passwords(self, line: str) -> None:
        """Have the administrator's password in the container, in the form that nginx reads."""
        if self.reachable and containers.read_text(self._container, PASSWORDS) != line:
            containers.write_text(self._container, PASSWORDS, line, 0o600)

    def keep_exporter(self) -> None:
        """Have the exporter of nginx's counters run."""
        plan = containers.plan_of(self._exporter)
        if plan is None:
            return
        command = (
            f"nginx-prometheus-exporter --nginx.scrape-uri=http://{self._address}:{STATUS_PORT}/status"
            f" --web.listen-address={self._address}:{EXPORTER_PORT}"
        )
        service: ServiceDict = {
            "override": "replace",
            "command": command,
            "startup": "enabled",
            "on-failure": "restart",
        }
        known = plan.services.get(EXPORTER)
        if known is None or known.command != command:
            self._exporter.add_layer(EXPORTER, {"services": {EXPORTER: service}}, combine=True)
            self._exporter.replan()

    def _follow(self, text: str) -> None:
        """Start nginx, or have it read its config anew, and wait until it answers by it."""
        services = self._container.get_services(CONTAINER)
        try:
            if CONTAINER in services and services[CONTAINER].is_running():
                self._run("nginx", "-c", _CONFIG, "-p", _PREFIX, "-e", "stderr", "-s", "reload")
            else:
                self._container.add_layer(CONTAINER, self._layer(), combine=True)
                self._container.start(CONTAINER)
        except (pebble.ChangeError, pebble.APIError) as error:
            raise GatewayError(f"cannot load the gateway: nginx doesn't start: {error}") from error
        mark, followed, end_s = nginx.mark_of(text), 0, self._net.now() + _RELOAD_S
        # The master has the old workers stop accepting 0.1 s after it started the new ones
        # (ngx_process_cycle.c): one answer by the new config isn't all of them.
        while self._net.now() < end_s:
            followed = followed + 1 if self._told(text).config == mark else 0
            if followed == _ANSWERS:
                return
            self._net.pause(_BETWEEN_S)
        said = loglines.last_error(containers.last_lines(self._container, CONTAINER))
        raise GatewayError(
            f"cannot load the gateway: nginx didn't follow within {_RELOAD_S:g} s"
            + (f"; it says: {said}" if said else "")
        )

    def _told(self, text: str) -> told.Told:
        """Ask nginx what it follows; `text` is the config that says whether it speaks TLS."""
        scheme = "https" if "ssl_certificate " in text else "http"
        return told.ask(self._net, scheme, self._address, self._port) or told.Told()

    def _layer(self) -> pebble.LayerDict:
        service: ServiceDict = {
            "override": "replace",
            "command": f"nginx -c {_CONFIG} -p {_PREFIX} -e stderr",
            "startup": "enabled",
            "on-failure": "restart",
            "environment": {_VERSION: self._version()},
        }
        check: CheckDict = {
            "override": "replace",
            "period": "10s",
            "timeout": "3s",
            "threshold": 3,
            "tcp": {"host": self._address, "port": self._port},
        }
        return {"services": {CONTAINER: service}, "checks": {"gateway": check}}

    def _version(self) -> str:
        """Return the version of nginx; it is asked for once in the life of a container."""
        if not self.reachable:
            return "1.27.5"
        service = self._service()
        known = service.environment.get(_VERSION) if service else None
        return known or self._run("nginx", "-v")

    def _service(self) -> pebble.Service | None:
        """Return how nginx was last started; None when it never was, or its container isn't up."""
        return self._plan.services.get(CONTAINER) if self.reachable and self._plan else None

    def _text(self) -> str:
        """Return the config that nginx has; empty when there is none."""
        if self._config is None:
            self._config = containers.read_text(self._container, _CONFIG) or ""
        return self._config

    def _run(self, *command: str) -> str:
        """Run nginx to its end; return what it printed, which for its version is on standard error."""
        ran = containers.run(self._container, command, timeout_s=_EXEC_S)
        if ran.code:
            said = (ran.errors or ran.output).strip()[:500]
            raise GatewayError(f"cannot load the gateway: nginx says: {said}")
        return (ran.errors or ran.output).strip()


def _noted(tls: Tls) -> str:
    """Return where it is written down what a certificate was found by."""
    return f"{tls.certificate}.basis"
