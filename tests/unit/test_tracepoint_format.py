# SPDX-License-Identifier: Apache-2.0
"""Tracepoints whose fields stand where the programs do not read them."""

import os
from pathlib import Path

import pytest

from execaudit.kernel import hooks, libbpf

POINT = hooks.AttachPoint("tracepoint", "sys_exit_execve")
FORMAT = "\tfield:int __syscall_nr;\toffset:{};\tsize:4;\tsigned:1;\n"
FORMAT += "\tfield:long ret;\toffset:{};\tsize:8;\tsigned:1;\n"


@pytest.mark.parametrize(
    ("offsets", "reason"),
    [
        ((8, 16), "Operation not permitted"),
        ((16, 24), "this kernel's tracepoints have other common fields"),
    ],
)
def test_tracepoint_is_refused_where_its_result_stands_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offsets: tuple[int, int], reason: str
) -> None:
    folder = tmp_path / "events/syscalls/sys_exit_execve"
    folder.mkdir(parents=True)
    (folder / "id").write_text("861\n")
    (folder / "format").write_text(FORMAT.format(*offsets))

    def deny(*_: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(hooks, "TRACEFS", (tmp_path,))
    monkeypatch.setattr(hooks, "load_trial", lambda *_: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(libbpf, "perf_event_open", deny)
    assert hooks.trial(POINT) == reason
