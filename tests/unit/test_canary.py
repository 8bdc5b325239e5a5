# SPDX-License-Identifier: Apache-2.0
"""Events of the canary are recognised, and nobody else's."""

import os

import pytest

from execaudit.daemon.selfcheck.canary import Canary
from execaudit.wire import record
from execaudit.wire.event import Event

EXEC, EXIT, EXECVE = (record.HOOKS.index(name) for name in ("exec", "exit", "execve"))


def exec_event(argv: bytes | None, *, pid: int = 70, nspid: int = 7, error: int = 0) -> Event:
    event = Event()
    event.type, event.hook = "exec", EXECVE if error else EXEC
    event.argv, event.error = argv, error
    event.pid, event.nspid, event.start_ns = pid, nspid, 1000
    return event


def exit_event(pid: int, start_ns: int) -> Event:
    event = Event()
    event.type, event.hook, event.pid, event.start_ns = "exit", EXIT, pid, start_ns
    return event


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> tuple[Canary, bytes]:
    """A canary whose process has number 7 in our namespace, and its arguments."""
    argv: list[str] = []

    def spawn(_path: str, arguments: list[str], *_: object, **__: object) -> int:
        argv.extend(arguments)
        return 7

    monkeypatch.setattr(os, "posix_spawn", spawn)
    monkeypatch.setattr(os, "pidfd_open", lambda _: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(os, "waitpid", lambda *_: (7, 0))
    monkeypatch.setattr(os, "kill", lambda *_: None)
    canary = Canary()
    canary.begin()
    canary.succeed()
    return canary, b"\0".join(each.encode() for each in [*argv, ""])


def test_exec_and_end_of_its_own_process_are_its_own(spawned: tuple[Canary, bytes]) -> None:
    canary, argv = spawned
    assert not canary.owns(exit_event(70, 1000))
    assert canary.owns(exec_event(argv))
    assert canary.owns(exit_event(70, 1000))
    assert not canary.owns(exit_event(70, 1001))
    assert canary.found == {EXEC, EXIT}


def test_exec_of_another_process_with_the_word_is_not_its_own(
    spawned: tuple[Canary, bytes],
) -> None:
    canary, argv = spawned
    assert not canary.owns(exec_event(argv, nspid=8))
    assert not canary.owns(exec_event(b"python3\0-V\0"))
    assert not canary.owns(exec_event(None))
    assert canary.found == set()


def test_failed_exec_is_recognised_by_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[bytes] = []
    monkeypatch.setattr(os, "execve", lambda _, argv, __: words.extend(argv))
    canary = Canary()
    canary.begin()
    canary.fail("execve")
    canary.fail("execveat")
    assert words[0] == words[1]
    assert canary.owns(exec_event(words[0] + b"\0", error=-2))
    assert not canary.owns(exec_event(b"\0", error=-2))
    assert canary.found == {EXECVE}


def test_nothing_is_its_own_while_none_is_pending(spawned: tuple[Canary, bytes]) -> None:
    canary, argv = spawned
    canary.is_pending = False
    assert not canary.owns(exec_event(argv))


def test_each_has_another_word(spawned: tuple[Canary, bytes]) -> None:
    canary, argv = spawned
    canary.begin()
    assert not canary.owns(exec_event(argv))
