# SPDX-License-Identifier: Apache-2.0
"""Captures that cannot be opened: nothing stays open or attached. The kernel is real elsewhere."""

import errno
import gc
import os
from pathlib import Path

import pytest

from execaudit.engine import bcc_engine, choice
from execaudit.errors import ExecauditError, NoPermission, NotImplementedByKernel
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.capture import Settings


def open_files() -> int:
    gc.collect()  # what other tests have left is closed at any time
    return len(list(Path("/proc/self/fd").iterdir()))


def test_trials_are_detached_where_programs_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def before_programs(links: list[int]) -> dict[str, hooks.AttachPoint]:
        links.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        return hooks.BEFORE_RENAME

    def refuse(*_: object) -> None:
        raise NotImplementedByKernel("Failed to load")

    monkeypatch.setattr(choice, "check_access", lambda: None)
    monkeypatch.setattr(hooks, "before_programs", before_programs)
    monkeypatch.setattr(choice, "import_load", lambda _: refuse)
    before = open_files()
    for _ in range(3):
        with pytest.raises(NotImplementedByKernel, match="Failed to load"):
            choice.open_capture("libbpf", Settings())
    assert open_files() == before


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (errno.EPERM, NoPermission, "Operation not permitted; try as root"),
        (errno.ENOMEM, ExecauditError, "Cannot allocate memory"),
    ],
)
def test_maps_are_closed_where_one_cannot_be_created(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type[ExecauditError], reason: str
) -> None:
    def create(_kind: int, name: str, *_: int) -> int:
        if name == "slots":
            raise OSError(code, os.strerror(code))
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    monkeypatch.setattr(libbpf, "create_map", create)
    sizes = {"events": 4096, "scratch": 1, "rules": 1, "rule_hits": 1}
    before = open_files()
    with pytest.raises(kind, match=f"^Failed to create the map 'slots': {reason}$"):
        bcc_engine.load(hooks.SUCCESS, sizes)
    assert open_files() == before


def test_kprobes_are_no_hook_where_their_call_has_no_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another architecture must get the next hook, or a reason, not a traceback."""
    here = os.uname()
    (tmp_path / "format").mkdir()
    (tmp_path / "type").write_text("6\n")
    (tmp_path / "format/retprobe").write_text("config:0\n")
    monkeypatch.setattr(hooks, "_KPROBE_PMU", tmp_path)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*here[:4], "riscv64")))
    monkeypatch.setattr(
        hooks, "load_trial", lambda *_: os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    )
    reason = hooks.trial(hooks.AttachPoint("kretprobe", "__riscv_sys_execve"))
    assert reason == "perf_event_open(2) has no number here for this architecture"
