# SPDX-License-Identifier: Apache-2.0
"""What the self-check takes for a fault, what it does then, and what it reports."""

import os
import struct
from typing import TYPE_CHECKING, Any, cast

import pytest

from execaudit.daemon.selfcheck import tracing_check
from execaudit.daemon.selfcheck.canary import Canary
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.errors import NotImplementedByKernel
from execaudit.kernel.capture import hook_of
from execaudit.wire import record

if TYPE_CHECKING:
    from execaudit.daemon.flow import Flow

EXEC, EXECVE = record.HOOKS.index("exec"), record.HOOKS.index("execve")


class FakeKernel:
    """Capture and ring with one processor.

    Programs in `deaf` do not see their hook's events, those in `stuck` see them and nothing comes
    out of the ring.
    """

    def __init__(self) -> None:
        self.points = dict.fromkeys(("before_exec", "on_exec", "fexit_execve"))
        self.seqs = [0] * len(record.HOOKS)
        self.deaf: set[str] = set()
        self.stuck: set[str] = set()
        self.gone: list[str] = []
        self.altered = False
        self.readable = True

    def happen(self, hook: int) -> bool:
        """Let an event happen; True if it comes out of the ring."""
        (name,) = [name for name in self.points if hook_of(name) == hook]
        if name in self.deaf:
            return False
        self.seqs[hook] += 1
        return name not in self.stuck

    def slots(self) -> list[list[bytes]]:
        return [[struct.pack("@Q", seq).ljust(record.SLOT.size, b"\0")] for seq in self.seqs]

    def seen_by_hook(self) -> list[int]:
        return list(self.seqs)

    def detached(self) -> list[str]:
        return self.gone

    def is_altered(self) -> bool:
        return self.altered

    def is_sound(self) -> bool:
        return self.readable

    def pending(self) -> int:
        return 0


class FakeCanary(Canary):
    def __init__(self, flow: "FakeFlow") -> None:
        super().__init__()
        self._flow = flow
        self.may_execute = True

    def fail(self, call: str) -> None:
        hook = record.HOOKS.index(call)
        if self._flow.kernel.happen(hook):
            self.found.add(hook)

    def succeed(self) -> None:
        if not self.may_execute:
            raise PermissionError(13, os.strerror(13))
        if self._flow.kernel.happen(EXEC):
            self.found.add(EXEC)


class FakeFlow:
    """What is checked. A restart takes the next of `following` into use, and fails without one."""

    def __init__(self) -> None:
        self.host = self.accounting = self
        self.kernel = FakeKernel()
        self.canary = FakeCanary(self)
        self.following: list[FakeKernel] = []
        self.repairs: list[tuple[str, list[str], bool]] = []
        self.since_ns: list[int] = []  # of each repair
        self.restarts = 0

    @property
    def capture(self) -> FakeKernel:
        return self.kernel

    @property
    def ring(self) -> FakeKernel:
        return self.kernel

    def time(self, time_ns: int) -> str:
        return str(time_ns)

    def drain(self) -> None:
        """Nothing: what comes out is known at once."""

    def last_seen_ns(self) -> dict[int, int]:
        return {EXEC: 1 << 62, EXECVE: 1 << 61}

    def restart_capture(self) -> None:
        self.restarts += 1
        if not self.following:
            raise NotImplementedByKernel("Failed to load: no")
        self.kernel = self.following.pop(0)

    def report_repair(self, how: tuple[str, list[str], bool], first_ns: int) -> None:
        self.repairs.append(how)
        self.since_ns.append(first_ns)


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    monkeypatch.setattr(tracing_check, "restart_capture", FakeFlow.restart_capture)
    monkeypatch.setattr(tracing_check, "report_repair", FakeFlow.report_repair)
    return FakeFlow()


@pytest.fixture
def check(flow: FakeFlow) -> SelfCheck:
    return SelfCheck(cast("Flow", flow))


def deaf_kernel(*names: str) -> FakeKernel:
    kernel = FakeKernel()
    kernel.deaf = set(names)
    return kernel


def test_hooks_that_see_execs_or_the_canary_are_in_order(flow: FakeFlow, check: SelfCheck) -> None:
    for _ in range(3):
        assert check.run()
    flow.kernel.happen(EXEC)
    assert check.run()
    assert flow.restarts == check.repairs == 0
    assert flow.repairs == []
    assert not flow.canary.is_pending


@pytest.mark.parametrize(
    ("reason", "spoil"),
    [
        ("detached", {"gone": ["on_exec"]}),
        ("altered", {"altered": True}),
        ("ring", {"readable": False}),
        ("silent", {"deaf": {"on_exec"}}),
        ("ring", {"stuck": {"on_exec"}}),
    ],
)
def test_fault_is_repaired_by_a_restart_and_reported_once(
    flow: FakeFlow, check: SelfCheck, reason: str, spoil: dict[str, Any]
) -> None:
    assert check.run()
    for name, value in spoil.items():
        setattr(flow.kernel, name, value)
    flow.following = [FakeKernel()]
    assert check.run()
    assert check.run()
    ((found, programs, is_repaired),) = flow.repairs
    assert (found, is_repaired) == (reason, True)
    assert "on_exec" in programs
    assert flow.restarts == check.repairs == 1


def test_time_span_begins_with_what_the_program_saw_last(flow: FakeFlow, check: SelfCheck) -> None:
    flow.kernel.gone = ["on_exec", "fexit_execve"]
    flow.following = [FakeKernel()]
    assert check.run()
    assert flow.since_ns == [1 << 61]


def test_program_that_stays_silent_is_reported_once_until_it_sees_execs(
    flow: FakeFlow, check: SelfCheck
) -> None:
    flow.kernel.deaf = {"on_exec"}
    flow.following = [deaf_kernel("on_exec"), deaf_kernel("on_exec"), FakeKernel()]
    assert not check.run()
    assert not check.run()
    assert check.run()
    assert flow.restarts == 3
    assert flow.repairs == [("silent", ["on_exec"], False), ("silent", ["on_exec"], True)]
    assert flow.since_ns[0] == flow.since_ns[1]


def test_silent_hook_of_failed_execs_costs_one_restart_and_tracing_goes_on(
    flow: FakeFlow, check: SelfCheck
) -> None:
    flow.kernel.deaf = {"fexit_execve"}
    flow.following = [deaf_kernel("fexit_execve")]
    for _ in range(3):
        assert check.run()
    assert flow.restarts == 1
    flow.kernel.deaf = set()
    assert check.run()
    assert flow.repairs == [("silent", ["fexit_execve"], False), ("silent", [], True)]


def test_successful_execs_that_are_not_seen_either_are_reported_as_well(
    flow: FakeFlow, check: SelfCheck
) -> None:
    flow.kernel.deaf = {"fexit_execve"}
    both = ("on_exec", "fexit_execve")
    flow.following = [deaf_kernel("fexit_execve"), deaf_kernel(*both)]
    assert check.run()
    flow.kernel.deaf = set(both)
    assert not check.run()
    assert [len(programs) for _, programs, _ in flow.repairs] == [1, 2]


def test_restart_that_fails_is_tried_again(
    flow: FakeFlow, check: SelfCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.kernel.gone = ["on_exec"]
    assert not check.run()
    assert "Failed to load: no" in capsys.readouterr().err
    flow.following = [FakeKernel()]
    assert check.run()
    assert flow.repairs == [("detached", ["on_exec"], False), ("detached", ["on_exec"], True)]


def test_daemon_that_may_not_execute_trusts_attachments(flow: FakeFlow, check: SelfCheck) -> None:
    flow.canary.may_execute = False
    assert check.run()
    flow.kernel.deaf = {"on_exec"}
    assert check.run()
    flow.kernel.gone = ["on_exec"]
    flow.following = [FakeKernel()]
    assert check.run()
    assert flow.repairs == [("detached", ["on_exec"], True)]


def test_status_has_the_result_of_the_last_check(flow: FakeFlow, check: SelfCheck) -> None:
    flow.kernel.altered = True
    check.run()
    status = check.status()
    assert (status["is_tracing"], status["repairs"]) == (False, 0)
    assert int(status["looked"]) > 0
