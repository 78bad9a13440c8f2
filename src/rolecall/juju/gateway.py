"""The gateway in its container: one nginx, tested before it is loaded, reloaded and never restarted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import ops
from msgspec import Struct
from ops import pebble

from rolecall.core import nginx
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

    @property
    def reachable(self) -> bool:
        """Whether its container is up."""
        return self._container.can_connect()

    def dialect(self) -> nginx.Dialect:
        """Return what the nginx in the container understands."""
        return nginx.Dialect.of(self._version())

    def paths(self) -> nginx.Paths:
        """Return where nginx keeps its files; in its container it has the machine to itself."""
        return nginx.Paths(prefix=_PREFIX, user="root")

    def observe(self) -> Loaded:
        """Ask nginx which config it follows, and whom it sends to."""
        if not self.reachable or CONTAINER not in self._container.get_services(CONTAINER):
            return Loaded()
        text = containers.read_text(self._container, _CONFIG) or ""
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
        containers.write_text(self._container, _CONFIG, text, 0o640)
        try:
            self._follow(text)
        except GatewayError:
            if good is not None:
                # What nginx goes on with is what it must find should it be started anew.
                containers.write_text(self._container, _CONFIG, good, 0o640)
            raise

    def keep_certificate(self, certificate: str, key: str) -> Tls:
        """Have a certificate and its key in the container, under names that are theirs alone."""
        digest = hashlib.sha256(certificate.encode()).hexdigest()[:16]
        tls = Tls(certificate=f"{_CERTIFICATES}/{digest}.crt", key=f"{_CERTIFICATES}/{digest}.key")
        if self.reachable and containers.read_text(self._container, tls.certificate) != certificate:
            # The key first: whoever finds the certificate takes both for there.
            containers.write_text(self._container, tls.key, key, 0o600)
            containers.write_text(self._container, tls.certificate, certificate)
        return tls

    def kept_certificate(self) -> Tls:
        """Return the certificate that nginx serves with now; without one, empty paths."""
        if not self.reachable:
            return Tls()
        words = (containers.read_text(self._container, _CONFIG) or "").split()
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
        if not self._exporter.can_connect():
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
        plan = self._exporter.get_plan().services.get(EXPORTER)
        if plan is None or plan.command != command:
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
        mark, followed = nginx.mark_of(text), 0
        # The master has the old workers stop accepting 0.1 s after it started the new ones
        # (ngx_process_cycle.c): one answer by the new config isn't all of them.
        for _ in range(round(_RELOAD_S / _BETWEEN_S)):
            followed = followed + 1 if self._told(text).config == mark else 0
            if followed == _ANSWERS:
                return
            self._net.pause(_BETWEEN_S)
        said = containers.last_error(self._container, CONTAINER)
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
        plan = self._container.get_plan().services.get(CONTAINER)
        known = plan.environment.get(_VERSION) if plan else None
        return known or self._run("nginx", "-v")

    def _run(self, *command: str) -> str:
        """Run nginx to its end; return what it printed, which for its version is on standard error."""
        ran = containers.run(self._container, command, timeout_s=_EXEC_S)
        if ran.code:
            said = (ran.errors or ran.output).strip()[:500]
            raise GatewayError(f"cannot load the gateway: nginx says: {said}")
        return (ran.errors or ran.output).strip()
