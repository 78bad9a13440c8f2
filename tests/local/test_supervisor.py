"""A supervisor that can't be reached is one that isn't alive, however the connection to it breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rolecall.core.model import ProcessSpec
from rolecall.local.home import Home
from rolecall.local.supervisor import Supervisor, SupervisorError


@contextmanager
def answering(path: Path, answer: bytes) -> Generator[None]:
    """Take each connection to a socket, answer it in this way, and break it off."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_answer, args=(listener, answer))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.send(answer)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.socket.parent.mkdir(parents=True, exist_ok=True)
    return home


@pytest.mark.parametrize(
    "answer", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
def test_one_that_breaks_off_is_not_alive(home: Home, answer: bytes):
    """So it looks when it is killed while it is asked; nothing else is told of the connection."""
    supervisor = Supervisor(home, Path("pebble"))
    with answering(home.socket, answer):
        assert not supervisor.alive
        with pytest.raises(SupervisorError, match=r"cannot speak with the supervisor: .+; call up again"):
            supervisor.busy()


def test_one_that_is_not_there_is_not_alive(home: Home):
    """Nor is one whose socket is left over."""
    supervisor = Supervisor(home, Path("pebble"))
    assert not supervisor.alive
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home.socket))
    assert not supervisor.alive


def test_a_folder_that_cannot_be_made_is_not_the_supervisors_fault(home: Home):
    """What the disk says of it is what the operator needs to know."""
    home.unit("write-0").parent.mkdir(parents=True)
    home.unit("write-0").touch()
    with pytest.raises(FileExistsError):
        Supervisor(home, Path("pebble")).start(ProcessSpec(name="write-0", command=("true",)))
