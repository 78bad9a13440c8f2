"""`python -m stage serve`: the daemon that a stage's home belongs to."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from stage import commands
from stage.errors import StageError, ToolError
from stage.host import Host, pod_maker
from stage.socketry import Answer, Server
from stage.ticker import tick

DEFAULT_PODS = "stage.pod:LoopbackPod"
LONGEST_SOCKET = 100


def _answer_tool(host: Host, fields: list[str]) -> Answer:
    context_id, name, stdin, *argv = fields
    try:
        return 0, host.call_tool(context_id, name, argv, stdin), ""
    except ToolError as error:
        host.note_refusal(context_id, name, str(error))
        return error.code, "", f"ERROR {error}\n"
    except Exception:
        host.note_refusal(context_id, name, traceback.format_exc())
        return 70, "", f"ERROR {name} broke in the stage; see stage.log\n"


def _answer_command(host: Host, fields: list[str]) -> Answer:
    folder, *argv = fields
    try:
        result = commands.run(host, Path(folder), argv)
    except Exception:
        host.note_refusal("", argv[0] if argv else "juju", traceback.format_exc())
        return 70, "", "ERROR the stage broke; see stage.log\n"
    return result.code, result.out, result.err


def serve(home: Path, pods: str, retry_s: float) -> None:
    """Serve the stage in `home` until it is told to go down."""
    home.mkdir(parents=True, exist_ok=True)
    if len(str(home / "juju.sock")) > LONGEST_SOCKET:
        raise StageError(f"cannot serve {home}: its path is too long for a socket; choose a shorter one")
    host = Host(home, pod_maker(pods), retry_s=retry_s)

    def go_down(_number: int, _frame: object) -> None:
        host.down.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, go_down)
    servers = [
        Server(home / "hooks.sock", lambda fields: _answer_tool(host, fields)),
        Server(home / "juju.sock", lambda fields: _answer_command(host, fields)),
    ]
    for server in servers:
        server.start()
    (home / "daemon.pid").write_text(f"{os.getpid()}\n")
    threading.Thread(target=tick, args=(host, host.down), daemon=True).start()
    host.down.wait()
    host.stop()
    for server in servers:
        server.stop()
    for name in ("hooks.sock", "juju.sock", "daemon.pid"):
        (home / name).unlink(missing_ok=True)


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m stage")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("STAGE_HOME", ".stage")))
    parser.add_argument("--pods", default=os.environ.get("STAGE_PODS", DEFAULT_PODS))
    parser.add_argument("--retry", type=float, default=float(os.environ.get("STAGE_RETRY_S", "1")))
    options = parser.parse_args()
    try:
        serve(options.home.resolve(), options.pods, options.retry)
    except StageError as error:
        sys.stderr.write(f"ERROR {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
