"""A pod of real containers: real Pebble, nginx and product; what it shows, tells and leaves behind."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ops.pebble
import psutil
import pytest
from staged_pods import LIMIT_S, Stage, free_port, is_pebble_of, left, need, pod_of, until

from rolecall.core.products import PRODUCTS
from rolecall.local.fetch.found import Found
from stage.containers import ContainerError
from stage.namespaces import PodError
from stage.pod import LoopbackPod
from stage.rocks import Executable, Rock, RockError
from stage.seam import PodEvent

pytestmark = pytest.mark.real

_PRODUCT = PRODUCTS["loki"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Make a pod with one container of nginx; the test starts it."""
    need("nginx-image")
    # The folder is deep, so that no socket in it could be reached by its whole path.
    spec = pod_of(tmp_path / ("deep-" * 20), {"nginx": "nginx-image"})
    made = Stage(spec, LoopbackPod(spec))
    yield made
    made.pod.lose()
    assert left(spec.folder) == []


def test_each_container_has_a_root_of_its_own(tmp_path: Path):
    """The image's executables are at their paths; what a container writes, nobody else sees."""
    charm = _PRODUCT.charm
    assert charm is not None
    resource = f"{charm.container}-image"
    need("nginx-image", resource)
    spec = pod_of(tmp_path / "unit", {"nginx": "nginx-image", "work": resource})
    stage = Stage(spec, LoopbackPod(spec))
    stage.start()
    try:
        assert "nginx/" in stage.says("nginx", "nginx", "-v")
        assert _PRODUCT.binary.mark in stage.says("work", charm.binary, "-version")

        stage.pebble("nginx").push("/etc/nginx/nginx.conf", "events {}\n", make_dirs=True)
        stage.pebble("nginx").push("/usr/share/written", "by nginx")

        assert "successful" in stage.says("nginx", "nginx", "-t")
        assert not Path("/usr/share/written").exists()
        assert stage.says("work", "ls", "/etc/ssl") != ""
        with pytest.raises(ops.pebble.PathError):
            stage.read("work", "/usr/share/written")
        with pytest.raises(ops.pebble.ExecError):
            stage.says("nginx", "ls", str(Path(__file__)))
    finally:
        stage.pod.stop()
    assert left(spec.folder) == []


def test_the_charm_and_the_containers_have_the_pods_name(stage: Stage):
    """Hostname, addresses and names are the pod's; a name that comes later is known at once."""
    stage.start()
    asked = ("getent", "ahostsv4", "other-0.others")
    host = socket.gethostname()

    assert stage.hook("hostname") == (0, "logs-0")
    assert stage.hook("hostname", "--fqdn") == (0, stage.spec.fqdn)
    assert stage.hook("pwd") == (0, str(stage.spec.charm_dir))
    assert stage.says("nginx", "hostname") == "logs-0"
    assert stage.hook(*asked)[0] != 0

    stage.pod.add_hosts({"other-0.others": "127.77.1.9"})
    stage.pod.add_hosts({"third-0.others": "127.77.1.10"})

    assert stage.hook(*asked)[1].startswith("127.77.1.9")
    assert stage.says("nginx", *asked).startswith("127.77.1.9")
    assert socket.gethostname() == host


def test_the_charm_reaches_pebble_where_juju_has_it(stage: Stage):
    """A process of the charm speaks to Pebble by the path that ops uses."""
    stage.start()
    program = (
        "import ops.pebble as p;"
        "print(p.Client('/charm/containers/nginx/pebble.socket').get_system_info().version)"
    )

    code, output = stage.hook(sys.executable, "-c", program)

    assert (code, output[:2]) == (0, "v1")


def test_a_charms_process_is_run_to_its_end(stage: Stage):
    """Exit code, standard input, signals and the time limit; what it writes to /etc is the pod's."""
    stage.start()

    assert stage.hook("cat", stdin=b"given") == (0, "given")
    assert stage.hook("sh", "-c", "echo said; exit 7") == (7, "said")
    assert stage.hook("sh", "-c", "kill -TERM $$")[0] == -15
    assert stage.hook("touch", "/etc/from-a-charm")[0] == 0
    assert not Path("/etc/from-a-charm").exists()
    with pytest.raises(TimeoutError, match="killed after"):
        stage.hook("sleep", "60", timeout_s=0.2)
    assert stage.hook("pgrep", "-x", "sleep") == (1, "")


@pytest.mark.parametrize("end", ["kill_charm", "lose"])
def test_a_hook_ends_when_it_is_killed_or_its_pod_is_lost(stage: Stage, end: str):
    """Its exit code is then that of a killed process, and whoever ran it goes on."""
    stage.start()
    started = stage.spec.folder / "started"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(stage.hook, "sh", "-c", f"touch {started}; sleep 60; echo over", timeout_s=60)
        until(started.exists, "the hook to start")

        getattr(stage.pod, end)()

        assert running.result(LIMIT_S) == (-9, "")


def test_notices_and_checks_become_events(stage: Stage):
    """Ready once, a custom notice with its facts, a check that fails and one that recovers."""
    stage.start()
    address = stage.spec.address
    pebble = stage.pebble("nginx")
    port = free_port(address)

    assert stage.event("pebble-ready") == PodEvent("nginx", "pebble-ready")

    notice = pebble.notify(ops.pebble.NoticeType.CUSTOM, "example.com/done")
    facts = {"notice-id": notice, "notice-type": "custom", "notice-key": "example.com/done"}
    assert stage.event("custom-notice") == PodEvent("nginx", "custom-notice", facts)

    pebble.push(
        "/etc/nginx/nginx.conf",
        f"user nobody;\nevents {{}}\nhttp {{ access_log off; server {{ listen {address}:{port};"
        ' location / { return 200 "here"; } } }\n',
    )
    layer: ops.pebble.LayerDict = {
        "services": {"nginx": {"override": "replace", "command": "nginx -g 'daemon off;'"}},
        "checks": {
            "up": {
                "override": "replace",
                "period": "200ms",
                "timeout": "150ms",
                "threshold": 2,
                "http": {"url": f"http://{address}:{port}/"},
            }
        },
    }
    pebble.add_layer("nginx", ops.pebble.Layer(layer))
    pebble.replan_services()
    assert stage.event("check-failed") == PodEvent("nginx", "check-failed", {"check-name": "up"})

    pebble.start_services(["nginx"])
    assert stage.event("check-recovered") == PodEvent("nginx", "check-recovered", {"check-name": "up"})
    assert stage.says("nginx", "ps", "-o", "user=", "-C", "nginx").split() == ["root", "nobody"]
    assert "signal process started" in stage.says("nginx", "nginx", "-s", "reload")
    pebble.stop_services(["nginx"])
    assert stage.event("check-failed").facts == {"check-name": "up"}


def test_only_storage_outlives_a_loss(stage: Stage):
    """All processes end at once; a pod that is started again is empty but for its storage."""
    stage.start()
    stage.pebble("nginx").push("/kept/here/data", "kept")
    stage.pebble("nginx").push("/var/lib/data", "lost")
    stage.event("pebble-ready")

    stage.pod.lose()

    assert left(stage.spec.folder) == []
    assert (stage.storage / "data").read_text() == "kept"
    assert list((stage.spec.folder / "containers" / "nginx" / "root").iterdir()) == []
    with pytest.raises(PodError, match="does not run"):
        stage.hook("true")

    stage.start()

    stage.event("pebble-ready")
    assert stage.read("nginx", "/kept/here/data") == "kept"
    with pytest.raises(ops.pebble.PathError):
        stage.read("nginx", "/var/lib/data")


def test_a_container_whose_pebble_ended_starts_again(stage: Stage):
    """It is empty then, and ready once more, while the pod stays."""
    stage.start()
    stage.event("pebble-ready")
    stage.pebble("nginx").push("/var/lib/data", "lost")
    [pebble] = [one for one in psutil.process_iter() if is_pebble_of(one, stage.spec.folder)]

    pebble.kill()

    stage.event("pebble-ready")
    with pytest.raises(ops.pebble.PathError):
        stage.read("nginx", "/var/lib/data")
    assert stage.hook("ls", "/charm/containers/nginx") == (0, "pebble.socket")


def test_a_stop_lets_services_end_by_themselves(stage: Stage):
    """A service gets its SIGTERM, and the time to answer it, before the pod is gone."""
    stage.start()
    command = """sh -c 'trap "echo ended > /kept/here/told; exit 0" TERM; while :; do sleep 0.05; done'"""
    layer: ops.pebble.LayerDict = {"services": {"slow": {"override": "replace", "command": command}}}
    stage.pebble("nginx").add_layer("slow", ops.pebble.Layer(layer))
    stage.pebble("nginx").start_services(["slow"])

    stage.pod.stop()

    assert (stage.storage / "told").read_text() == "ended\n"
    assert left(stage.spec.folder) == []


def test_an_executable_that_is_started_by_a_script_brings_its_folder(tmp_path: Path):
    """What a script beside an executable finds on the host, it finds in the container."""
    need()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "word").write_text("found beside me")
    (tree / "tool").write_text('#!/bin/sh\ncat "${0%/*}/word" && echo " with $1"\n')
    (tree / "tool").chmod(0o755)
    found = Found(name="tool", path=tree / "tool", source="package", version="1")
    tool = Executable(name="tool", variable="TOOL", present=lambda: found, locate=lambda: found)
    spec = pod_of(tmp_path / "unit", {"one": "tool-image"})
    stage = Stage(spec, LoopbackPod(spec, {"tool-image": Rock(executables={"/tool": tool})}))

    stage.start()
    try:
        assert stage.says("one", "/tool", "an argument") == "found beside me with an argument"
    finally:
        stage.pod.lose()


def test_the_exporter_is_where_its_image_has_it(tmp_path: Path):
    """Whatever the distribution calls it."""
    need("nginx-prometheus-exporter-image")
    spec = pod_of(tmp_path / "unit", {"exporter": "nginx-prometheus-exporter-image"})
    stage = Stage(spec, LoopbackPod(spec))

    stage.start()
    try:
        assert "NGINX" in stage.says("exporter", "nginx-prometheus-exporter", "--version")
    finally:
        stage.pod.lose()


def test_nothing_outlives_the_process_that_started_it(tmp_path: Path):
    """A pod whose keeper is killed is gone with it, whatever ran in it."""
    need("nginx-image")
    folder = tmp_path / "unit"
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, env={**os.environ, **_found_here()}
    )
    assert keeper.stdout is not None
    with keeper.stdout as said:
        assert said.readline() == b"up\n"
    assert left(folder) != []

    keeper.kill()
    keeper.wait()

    until(lambda: not left(folder), "the pod to be gone")


def _found_here() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_rock_that_nobody_knows_is_named(tmp_path: Path):
    """The error says which rocks there are, and nothing is started."""
    spec = pod_of(tmp_path / "unit", {"web": "apache-image"})

    with pytest.raises(RockError, match=r'"apache-image": no rock has that name; known are .*nginx-image'):
        LoopbackPod(spec).start(queue.Queue[PodEvent]().put)

    assert left(spec.folder) == []


def test_storage_that_is_not_there_is_named(stage: Stage):
    """A container never runs without its storage, and what had come up by then is gone."""
    stage.storage.rmdir()

    with pytest.raises(ContainerError, match="there is no such folder"):
        stage.start()

    assert left(stage.spec.folder) == []


def _keep(folder: Path) -> None:
    """Start a pod, say so, and wait to be killed."""
    LoopbackPod(pod_of(folder, {"nginx": "nginx-image"})).start(queue.Queue[PodEvent]().put)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    time.sleep(LIMIT_S)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
