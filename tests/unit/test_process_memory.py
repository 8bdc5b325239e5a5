# SPDX-License-Identifier: Apache-2.0
"""What rules know of processes goes on in the next process, whenever the one before ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from execaudit.daemon.handover import process_memory
from execaudit.daemon.handover.process_memory import ProcessFile, ProcessMemory
from execaudit.records import process_commands
from execaudit.rules import processes
from execaudit.rules.rule_set import RuleSet
from tests.rule_tables import compile_all, decide, record

SHELL = {
    "action": "label",
    "labels": ["web"],
    "comm": "ls",
    "parent": {"exe": "/usr/sbin/nginx"},
}
TREE = {"action": "drop", "exe": "/usr/sbin/cron", "descendants": True}
OTHER = {"action": "label", "labels": ["other"], "comm": "other"}
SERVER = 5


@pytest.fixture(autouse=True)
def manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes nothing: the test hands the descriptor on."""
    monkeypatch.setenv("NOTIFY_SOCKET", "@execaudit-test-nobody")


def child_of(pid: int) -> dict[str, object]:
    fields: dict[str, object] = record(900, above=(pid,))
    return fields | {"parent_id": f"boot-{pid:x}-{pid * 1000:x}-1"}


@contextmanager
def killed(rules: RuleSet, memory: ProcessMemory) -> Iterator[ProcessMemory]:
    """Another process, with what the manager stored of one that was killed."""
    memory.follow(rules)
    assert memory._file is not None
    following = ProcessMemory.from_descriptor(os.dup(memory._file.fd))
    memory.close()
    try:
        yield following
    finally:
        following.close()


def test_programs_and_trees_are_known_to_the_next_process() -> None:
    before, memory = compile_all(SHELL, TREE), ProcessMemory()
    memory.follow(before)
    decide(before, record(SERVER, exe="/usr/sbin/nginx", comm="nginx"))
    decide(before, record(7, exe="/usr/sbin/cron"))
    with killed(before, memory) as following:
        after = compile_all(OTHER, TREE, SHELL)  # the same rules at other places
        following.restore(after, is_traced=True)
        assert decide(after, child_of(SERVER)).labels == ("web",)
        assert decide(after, record(901, above=(7,))).action == "drop"
        with killed(after, following) as last:
            again = compile_all(TREE)
            last.restore(again, is_traced=True)
            assert decide(again, record(902, above=(7,))).action == "drop"


def test_what_ran_before_tracing_is_known_unless_execs_went_unseen() -> None:
    before, memory = compile_all(SHELL), ProcessMemory()
    before.programs.remember_running(SERVER, SERVER * 1000 // 10_000_000, "/usr/sbin/nginx")
    with killed(before, memory) as following:
        for is_traced in (True, False):
            after = compile_all(SHELL)
            following.restore(after, is_traced=is_traced)
            assert bool(decide(after, child_of(SERVER)).labels) is is_traced


def test_rules_of_a_reload_are_followed() -> None:
    old, memory = compile_all(TREE, SHELL), ProcessMemory()
    memory.follow(old)
    decide(old, record(7, exe="/usr/sbin/cron"))
    memory.follow(old)
    new = compile_all(SHELL, TREE)
    new.adopt(old)
    with killed(new, memory) as following:
        after = compile_all(SHELL, TREE)
        following.restore(after, is_traced=True)
        assert decide(after, record(901, above=(7,))).action == "drop"


def test_file_that_is_full_is_written_again_with_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_memory, "_HALF_BYTES", 8192)
    monkeypatch.setattr(process_memory, "_FILE_BYTES", 4096 + 2 * 8192)
    rules, memory = compile_all(SHELL), ProcessMemory()
    for pid in range(10, 1000):
        decide(rules, record(pid, exe="/usr/sbin/nginx"))
        memory.follow(rules)
    with killed(rules, memory) as following:
        after = compile_all(SHELL)
        following.restore(after, is_traced=True)
        assert 20 < len(after.programs.by_image) < 500
        assert decide(after, child_of(999)).labels == ("web",)


def test_half_written_news_are_not_read() -> None:
    file = ProcessFile.create()
    file.replace([b"d\0[]\0"])
    assert file.append(b"ia-b-1\0/bin/x\0")
    valid = file.read()
    at = process_memory._STATE_AT + process_memory._HALF_BYTES + len(valid)
    os.pwrite(file.fd, b"ic-d-1\0/bin", at)  # killed here
    assert file.read() == valid == b"d\0[]\0ia-b-1\0/bin/x\0"
    file.close()


def test_descriptor_of_something_else_is_refused_and_closed() -> None:
    fd = os.memfd_create("other")
    memory = ProcessMemory.from_descriptor(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    rules = compile_all(SHELL)
    memory.restore(rules, is_traced=True)
    assert not rules.programs.by_image


def test_rules_that_remember_nothing_need_no_file() -> None:
    memory = ProcessMemory()
    memory.follow(compile_all(OTHER))
    memory.follow(None)
    assert memory._file is None


def test_program_of_a_running_process_outlives_those_that_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_MAX_IMAGES", 100)
    monkeypatch.setattr(process_commands, "_is_running", lambda pid: pid == SERVER)
    rules = compile_all(SHELL)
    decide(rules, record(SERVER, exe="/usr/sbin/nginx", comm="nginx"))
    for pid in range(1000, 2000):
        decide(rules, record(pid))
    assert len(rules.programs.by_image) == 100
    assert decide(rules, child_of(SERVER)).labels == ("web",)
