# SPDX-License-Identifier: Apache-2.0
"""Recordings: what was seen comes out again byte for byte, and damage is said, never guessed at."""

import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.errors import ExecauditError, InvalidArgument
from execaudit.records import host as host_module
from execaudit.records import recording as recording_module
from execaudit.records.host import Host
from execaudit.records.recording import Recorder, open_recording, read_steps
from execaudit.records.users import Users
from execaudit.wire import record
from tests.records import (
    BOOT,
    WALL_OFFSET_NS,
    chunks_of,
    exec_record,
    exit_record,
    join,
    slot,
    slots,
)
from tests.unit.printed import Printed

HEADER: dict[str, Any] = {
    "format": "execaudit recording",
    "wire": record.WIRE_VERSION,
    "byteorder": "little",
    "host": "box",
    "boot": BOOT,
    "wall_offset_ns": WALL_OFFSET_NS,
}
LONG = b"a" * 50000 + b"\0"


def frame(tag: bytes, data: bytes = b"") -> bytes:
    return struct.pack("@cI", tag, len(data)) + data


def write(path: Path, *frames: bytes, **header: Any) -> str:
    path.write_bytes(json.dumps({**HEADER, **header}).encode() + b"\n" + b"".join(frames))
    return str(path)


def replay(path: str) -> bytes:
    """Return all lines of a recording."""
    return replay_until_error(path, "")


def replay_until_error(path: str, message: str) -> bytes:
    """Return the lines of a recording up to an error, which says so; empty: no error is right."""
    host, file = open_recording(path)
    printed = Printed(host=host)
    try:
        with file:
            for step, arguments in read_steps(host, file, path):
                getattr(printed.output, step)(*arguments)
    except ExecauditError as error:
        if not message or message not in str(error):
            raise
    return printed.data


class LiveTrace:
    """A trace that is recorded."""

    def __init__(self, path: Path, host: Host) -> None:
        self._printed = Printed(host=host)
        self._output = self._printed.output
        self._output.recorder = recorder = Recorder(str(path), host)
        self.close = recorder.close
        self.settle = self._output.settle

    @property
    def printed(self) -> bytes:
        return self._printed.data

    def batch(self, *records: bytes) -> None:
        self._output.batch(*join(*records))


@pytest.fixture
def live_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host whose users and clock are looked up as on a real one."""
    passwd = tmp_path / "passwd"
    names = {0: "root", 1000: "ann", 1001: "bob"}
    passwd.write_text("".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for uid, name in names.items()))
    users = Users(names.__getitem__, passwd)
    monkeypatch.setattr(host_module, "Users", lambda: users)
    clock = time.clock_gettime_ns
    host = Host("box", BOOT, WALL_OFFSET_NS)

    def read(number: int) -> int:
        offset_ns = host.step_ns if number == time.CLOCK_REALTIME else 0  # type: ignore[attr-defined]
        return clock(time.CLOCK_BOOTTIME) + offset_ns

    host.step_ns = WALL_OFFSET_NS  # type: ignore[attr-defined]
    monkeypatch.setattr(time, "clock_gettime_ns", read)
    return host


def test_replay_gives_the_bytes_of_the_live_trace(tmp_path: Path, live_host: Host) -> None:
    trace = LiveTrace(tmp_path / "r", live_host)
    trace.batch(exec_record(b"ls", uid=1000), exec_record(b"x", uid=4242, seq=2))
    trace.batch()
    trace.batch(*chunks_of(0, LONG, 4096, seq=3))
    trace.batch(
        exec_record(argv_block=LONG, argv_inside=4096, chunks=3, seq=3),
        exec_record(b"x", error=-2, env=(b"LD_PRELOAD=/x",)),
        exit_record(),
    )
    trace.settle(slots(exec=[slot(seq=5, lost=2)]), {0: 3}, 10**12)
    live_host.step_ns += 3600 * 10**9  # type: ignore[attr-defined]
    trace.batch(exec_record(b"late", uid=1001, euid=1000, seq=9))
    trace.settle(slots(exec=[slot(seq=9, lost=5)]), {0: 3}, 2 * 10**12)
    trace.close()

    assert replay(str(tmp_path / "r")) == trace.printed
    lines = [json.loads(line) for line in trace.printed.splitlines()]
    assert b"truncated" not in trace.printed
    assert {"exec", "exit", "lost"} == {fields["type"] for fields in lines}
    first, last = lines[0], next(fields for fields in lines if fields.get("seq") == 9)
    assert (first["time"][:13], last["time"][:13]) == ("2023-11-14T23", "2023-11-15T00")
    users = [fields["user"] for fields in lines if "user" in fields]
    assert users == ["ann", "root", "root", "bob"]


class TestHeader:
    def test_missing_file_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="No such file"):
            open_recording(str(tmp_path / "none"))

    def test_folder_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="Failed to open"):
            open_recording(str(tmp_path))

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"\n", b"{}\n", b"[]\n", b"null\n", b'"x"\n', b"\xff\xfe\n", b"{\n", b"[" * 4096,
            b'{"time":"2026"}\n', b"\0" * 100, b"1" * 5000, b"\x7fELF" + bytes(500),
            b'{"format":"execaudit recording"}\n', b'{"format":"other"}\n',
        ],
        ids=lambda content: repr(content[:20]),
    )  # fmt: skip
    def test_other_file_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "r").write_bytes(content)

        with pytest.raises(InvalidArgument, match="not a recording"):
            open_recording(str(tmp_path / "r"))

    @pytest.mark.parametrize(
        "header",
        [
            {"boot": 'x"},{'}, {"boot": ""}, {"boot": "g" * 32}, {"boot": "A" * 32}, {"boot": 5},
            {"host": "\ud800"}, {"host": 5}, {"host": None},
            {"wall_offset_ns": 10**40}, {"wall_offset_ns": "x"}, {"wall_offset_ns": None},
            {"wall_offset_ns": -(10**40)}, {"wall_offset_ns": float("inf")}, {"wire": "one"},
        ],
        ids=str,
    )  # fmt: skip
    def test_header_that_no_host_can_have_is_refused(
        self, tmp_path: Path, header: dict[str, Any]
    ) -> None:
        path = write(tmp_path / "r", frame(b"R", exec_record(b"x")), frame(b"B"), **header)

        with pytest.raises(InvalidArgument, match="not a recording"):
            open_recording(path)

    def test_recording_of_another_version_is_refused_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="wire version 99"):
            open_recording(write(tmp_path / "r", wire=99))

    def test_recording_of_another_byte_order_is_refused_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="big endian"):
            open_recording(write(tmp_path / "r", byteorder="big"))

    def test_refused_file_is_closed(self, tmp_path: Path) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for header in ({"wire": 99}, {"boot": ""}):
            with pytest.raises(InvalidArgument):
                open_recording(write(tmp_path / "r", **header))

        assert len(list(Path("/proc/self/fd").iterdir())) == before


class TestFrames:
    def test_recording_that_breaks_off_gives_all_that_came_before(self, tmp_path: Path) -> None:
        whole = [frame(b"R", exec_record(b"%d" % at, seq=at)) for at in (1, 2, 3)]
        content = b"".join([*whole[:2], frame(b"B"), whole[2], frame(b"B")])
        first = replay(write(tmp_path / "whole", *whole[:1], frame(b"B")))
        two = replay(write(tmp_path / "whole", *whole[:2], frame(b"B")))
        three = replay(write(tmp_path / "whole", content))
        expected = {
            len(whole[0]): first,
            len(b"".join(whole[:2])): two,
            len(b"".join(whole)) + 8: three,
        }

        for size in range(0, len(content) + 1, 7):
            path = write(tmp_path / "cut", content[:size])
            out = replay_until_error(path, "ends in the middle")
            have = [text for at, text in expected.items() if at <= size]
            assert out == (have[-1] if have else b"")

    @pytest.mark.parametrize(
        "bad",
        [
            frame(b"X"), frame(b"\0"), frame(b"C", b"x"), frame(b"C", b"{}"), frame(b"C"),
            frame(b"C", b"Infinity"), frame(b"C", b"1e999"), frame(b"C", b"1" * 50),
            frame(b"C", b"-" + b"9" * 40),
            frame(b"C", b"[" * 100_000), frame(b"U", b"[" * 100_000), frame(b"S", b"[" * 100_000),
            frame(b"U", b"5"), frame(b"U", b"[[1]]"), frame(b"U", b"[[[1],2]]"),
            frame(b"U", b"\xff"),
            frame(b"U", b"[[1,5]]"), frame(b"U", b'[["x","y"]]'), frame(b"U", b'[[1,"\\ud800"]]'),
            frame(b"U", b'[[1,{"a":1}]]'), frame(b"U", b'{"a":"b"}'),
            frame(b"S", b"[]"), frame(b"S", b"[[],[],null]"), frame(b"S", b"[[],[],-1]"),
            frame(b"S", b'[[["00"]],[],1]'), frame(b"S", b'[[["zz"]],[],1]'),
            frame(b"S", b"[[[],[],[],[],[],[],[]],[],1]"),
            frame(b"S", b"[[],[[6,1]],1]"), frame(b"S", b"[[],[[-1,1]],1]"),
            frame(b"S", b"[[],[[0,%d]],1]" % 10**30), frame(b"S", b"[[],[[0,-1]],1]"),
            frame(b"S", b"[[],[],%d]" % 10**30), frame(b"S", b"[[],[[0,Infinity]],1]"),
        ],
        ids=lambda bad: repr(bad[:1] + bad[5:30]),
    )  # fmt: skip
    def test_damaged_frame_is_an_error_after_all_that_came_before(
        self, tmp_path: Path, bad: bytes
    ) -> None:
        good = [frame(b"R", exec_record(b"x")), frame(b"R", exec_record(b"y", seq=2))]
        path = write(tmp_path / "r", good[0], frame(b"B"), good[1], bad, frame(b"B"))

        out = replay_until_error(path, "frame 4 is damaged")

        assert [json.loads(line)["argv"] for line in out.splitlines()] == [["x"], ["y"]]
        with pytest.raises(ExecauditError):
            replay(path)

    def test_length_beyond_any_frame_is_not_read(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r", struct.pack("@cI", b"R", 0xFFFFFFFF))

        with pytest.raises(ExecauditError, match="ends in the middle"):
            replay(path)

    def test_damaged_record_is_counted_when_it_is_settled(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "r",
            frame(b"R", b"short"),
            frame(b"R"),
            frame(b"B"),
            frame(b"S", b"[[],[],1000]"),
        )

        (line,) = replay(path).splitlines()

        assert json.loads(line)["reason"] == "undecodable"
        assert json.loads(line)["count"] == 2

    def test_batch_without_its_end_is_shown(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r", frame(b"R", exec_record(b"x")))

        assert len(replay(path).splitlines()) == 1

    def test_recording_is_read_from_a_pipe_too(self, tmp_path: Path) -> None:
        whole = Path(write(tmp_path / "r", frame(b"R", exec_record(b"x")), frame(b"B")))
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        # Opened for reading too, so that writing does not wait for the reader.
        writer = os.open(fifo, os.O_RDWR)
        os.write(writer, whole.read_bytes())
        host, file = open_recording(str(fifo))
        os.close(writer)
        printed = Printed(host=host)

        with file:
            for _, arguments in read_steps(host, file, str(fifo)):
                printed.output.batch(*arguments)

        assert printed.data == replay(str(whole))

    def test_empty_recording_gives_nothing(self, tmp_path: Path) -> None:
        assert replay(write(tmp_path / "r")) == b""

    def test_batches_that_never_end_take_bounded_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording_module, "_BATCH_LIMIT", 10_000)
        raw = frame(b"R", exec_record(b"x"))
        path = write(tmp_path / "r", raw * 100)
        host, file = open_recording(path)

        with file:
            batches = [len(arguments[0]) for _, arguments in read_steps(host, file, path)]

        assert max(batches) <= 10_000 + len(raw)
        assert sum(batches) == 100 * len(exec_record(b"x"))

    @given(st.data())
    def test_any_damage_gives_valid_lines_or_an_error(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        content = bytearray(
            json.dumps(HEADER).encode()
            + b"\n"
            + frame(b"U", b'[[0,"root"],[1000,null]]')
            + frame(b"R", exec_record(b"x"))
            + frame(b"R", exit_record())
            + frame(b"B")
            + frame(b"C", b"1700000000000000000")
            + frame(b"R", exec_record(b"x", seq=2))
            + frame(b"B")
            + frame(b"S", json.dumps([[[slot(lost=3).hex()]], [[0, 1]], 10**12]).encode())
        )
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255) | st.sampled_from(b'0"[]{},CUSB\\'))
        path = tmp_path_factory.getbasetemp() / "damaged"
        path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])

        try:
            out = replay(str(path))
        except ExecauditError:
            return
        for line in out.splitlines():
            assert isinstance(json.loads(line), dict)
