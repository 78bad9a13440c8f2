"""The hook tools' client: every tool is a link to the script that this file becomes.

It sends its name, its arguments and what files it was pointed at to the stage's daemon, and prints the
answer. A hook calls dozens of tools, so this imports nothing but what the interpreter has built in.
"""

import _socket
import posix
import sys

_FILE = "#file="


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs more than all the rest
        return file.read()


def _collect(name: str, argv: list[str]) -> tuple[list[str], str]:
    """Replace files by their content: the daemon may not see what the charm's namespace does."""
    stdin = ""
    sent: list[str] = []
    for position, word in enumerate(argv):
        if position and argv[position - 1] == "--file":
            stdin = sys.stdin.read() if word == "-" else _read(word)
            sent.append("-")
        elif name.startswith("secret-") and _FILE in word.partition("=")[0] + "=":
            key, _, path = word.partition(_FILE)
            sent.append(key + "=" + _read(path))
        else:
            sent.append(word)
    return sent, stdin


def _note(path: str, name: str) -> None:
    """Keep the words that this was called with: while it runs, everybody can see them."""
    log = posix.open(path, posix.O_APPEND | posix.O_CREAT | posix.O_WRONLY, 0o644)
    posix.write(log, " ".join((name, *sys.argv[1:], "\n")).encode("utf-8", "surrogateescape"))
    posix.close(log)


def _exchange(address: str, body: bytes) -> bytes:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(address)
    connection.sendall(len(body).to_bytes(4, "big") + body)
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer[4:]


def main() -> None:
    """Ask the daemon, and print what it says."""
    name = sys.argv[0].rpartition("/")[2]
    environ = {key.decode(): value.decode() for key, value in posix.environ.items() if key[:1] in b"JS"}
    sent, stdin = _collect(name, sys.argv[1:])
    _note(environ["JUJU_CHARM_DIR"] + "/../tools.log", name)
    fields = [environ["JUJU_CONTEXT_ID"], name, stdin, *sent]
    answer = _exchange(environ["STAGE_SOCKET"], "\0".join(fields).encode("utf-8", "surrogateescape"))
    code, out, err = answer.split(b"\0")
    posix.write(2, err)
    while out:
        out = out[posix.write(1, out) :]
    posix._exit(int(code))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the quickest end


main()
