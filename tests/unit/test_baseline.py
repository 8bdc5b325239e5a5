# SPDX-License-Identifier: Apache-2.0
"""The baseline's table, its file, and what makes two execs the same."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.baseline import entries as entries_module
from execaudit.baseline.baseline import Baseline
from execaudit.baseline.entries import BUCKET, FIRST_BUCKETS, MOST_BUCKETS, WAYS, Entries
from execaudit.baseline.file import BaselineFile, open_baseline, read_baseline
from execaudit.baseline.keys import Hasher, traits_of
from execaudit.errors import ExecauditError
from execaudit.records.first_seen import words_of
from execaudit.wire import record
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
from tests.records import exec_record, leaf_first

DAY_S = 86400


def table(buckets: int = FIRST_BUCKETS) -> Entries:
    return Entries(bytearray(buckets * BUCKET.size), lambda _at, _data: None)


def event_of(decoder: Decoder, *argv: bytes, **members: Any) -> Event:
    raw = exec_record(*(argv or (b"x",)), **members)
    (event,) = decoder.decode(raw, [0])
    return event


class TestEntries:
    def test_a_million_keys_fit_and_hardly_any_is_forgotten(self) -> None:
        numbers = random.Random(1)  # noqa: S311
        entries = table()
        keys = [numbers.getrandbits(64) | 1 for _ in range(1_000_000)]

        assert not any(entries.see(key, 1) for key in keys)

        assert len(entries.data) <= 32 << 20
        assert entries.forgotten < 1000
        known = sum(entries.last_seen(key) is not None for key in keys)
        assert known == len(keys) - entries.forgotten

    def test_least_recently_seen_goes_where_a_bucket_is_full(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(entries_module, "MOST_BUCKETS", 1)
        entries = table(1)
        for key in range(WAYS):
            entries.see(key + 1, key)
        entries.see(1, WAYS)  # the oldest, once more

        entries.see(100, WAYS + 1)

        assert entries.last_seen(1) == WAYS
        assert entries.last_seen(2) is None
        assert entries.last_seen(100) == WAYS + 1
        assert entries.forgotten == 1

    @given(st.lists(st.integers(1, 1 << 14), max_size=300), st.sets(st.integers(1, 1 << 14)))
    def test_it_is_a_set_with_hours_while_there_is_room(
        self, seen: list[int], removed: set[int]
    ) -> None:
        entries, expected = table(1), {}
        for hour, key in enumerate(seen):
            assert entries.see(key, hour) is (key in expected)
            expected[key] = hour
        assert dict(entries.items()) == expected
        entries.remove(removed)
        assert dict(entries.items()) == {
            key: hour for key, hour in expected.items() if key not in removed
        }


class TestFile:
    def test_every_change_is_in_the_file_without_closing_it(self, tmp_path: Path) -> None:
        path = str(tmp_path / "baseline")
        file = open_baseline(path, 5)
        numbers = random.Random(2)  # noqa: S311
        keys = [numbers.getrandbits(64) | 1 for _ in range(20_000)]
        for hour, key in enumerate(keys):
            file.entries.see(key, hour)

        other = read_baseline(path)

        assert dict(other.entries.items()) == dict(file.entries.items())
        assert other.entries.buckets == file.entries.buckets > FIRST_BUCKETS
        assert (other.secret, other.begun_s, other.files_begun_s) == (file.secret, 5, 5)
        file.close()

    def test_growth_that_is_not_on_the_disk_costs_entries_and_nothing_else(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "baseline"
        file = open_baseline(str(path), 5)
        keys = list(range(4, 80_000, 4))
        for key in keys:
            file.entries.see(key, 1)
        file.close()
        os.truncate(path, 4096 + FIRST_BUCKETS * BUCKET.size)

        other = open_baseline(str(path), 6)

        known = [key for key in keys if other.entries.see(key, 2)]
        assert 0 < len(known) < len(keys)
        assert all(other.entries.see(key, 3) for key in keys)
        other.close()

    @pytest.mark.parametrize(
        "content",
        [b"x", b"execaudit baseline 1\n", b"x" * 100_000, BaselineFile.empty(1).pack()[8:]],
        ids=["short", "head", "long", "without-beginning"],
    )
    def test_what_is_no_baseline_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "baseline"
        path.write_bytes(content)
        with pytest.raises(ExecauditError, match="it is none, or damaged"):
            open_baseline(str(path), 1)
        assert path.read_bytes() == content

    def test_what_does_not_end_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ExecauditError, match="it is none, or damaged"):
            read_baseline("/dev/zero")
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with pytest.raises(ExecauditError, match="Failed to use baseline"):
            open_baseline(str(fifo), 0)

    def test_file_has_one_writer(self, tmp_path: Path) -> None:
        path = str(tmp_path / "baseline")
        first = open_baseline(path, 1)
        with pytest.raises(ExecauditError, match="Failed to use baseline"):
            open_baseline(path, 1)
        first.close()
        open_baseline(path, 1).close()

    def test_full_disk_is_said_once_and_it_goes_on_in_memory(self, tmp_path: Path) -> None:
        baseline = Baseline(str(tmp_path / "baseline"), 0, now_s=0)
        decoder = Decoder()
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, baseline._file._fd)
        os.close(full)
        first, again = event_of(decoder), event_of(decoder, cwd=leaf_first(b"/x"))

        baseline.look(first)
        baseline.follow(1)

        assert "No space left on device, going on in memory" in baseline.take_trouble()
        assert baseline.take_trouble() == ""
        baseline.look(again)
        assert (bool(first.first_seen), again.first_seen) == (True, 0)
        assert baseline.status()["is_saved"] is False

    def test_largest_file_is_within_the_bound(self) -> None:
        assert MOST_BUCKETS * BUCKET.size + 4096 <= 32 << 20


class TestBaseline:
    def see(self, baseline: Baseline, **members: Any) -> list[str]:
        event = event_of(Decoder(), **members)
        baseline.look(event)
        return words_of(event.first_seen)

    def test_program_is_forgotten_only_when_it_is_not_used(self, tmp_path: Path) -> None:
        path = str(tmp_path / "baseline")
        baseline = Baseline(path, 0, now_s=0)
        exe = leaf_first(b"/usr/bin/a")
        self.see(baseline, exe=exe)
        period = baseline.period
        baseline.follow(3599)
        assert baseline.period is period
        baseline.follow(10 * 3600)
        assert baseline.period is not period
        assert self.see(baseline, exe=exe) == []
        (program,) = {key >> 32 for key, _ in baseline._file.entries.items()}
        assert {hour for _, hour in baseline._file.entries.items()} == {10}
        secret = baseline._file.secret
        assert program == Hasher(secret).program(b"/usr/bin/a", is_elsewhere=False)
        baseline.close()

    def test_it_learns_for_as_long_as_it_should(self, tmp_path: Path) -> None:
        baseline = Baseline(str(tmp_path / "baseline"), DAY_S, now_s=0)
        assert self.see(baseline, exe=leaf_first(b"/a")) == []
        baseline.follow(DAY_S - 1)
        assert self.see(baseline, exe=leaf_first(b"/b")) == []
        baseline.follow(DAY_S)
        assert self.see(baseline, exe=leaf_first(b"/c")) == ["exe", "pair", "user"]
        assert self.see(baseline, exe=leaf_first(b"/a"), exe_size=2) == ["file"]
        baseline.close()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"exe_ino": 99}, ["file"]),
            ({"exe_size": 99}, ["file"]),
            ({"exe_ctime_ns": 99}, ["file"]),
            ({"exe_nlink": 99, "exe_dev": 99, "exe_mode": 0o700}, []),
            ({"uid": 99}, ["user"]),
            ({"euid": 99, "auid": 99}, []),
            ({"ancestors": ((1, 2, 3, b"other"),)}, ["pair"]),
            ({"ancestors": ((5, 6, 7, b"worker-11:8"),)}, []),
            ({"flags": record.FLAG_OTHER_ROOT}, ["exe", "pair", "user"]),
            ({"exe": leaf_first(b"/b")}, ["exe", "pair", "user"]),
            ({"exe": leaf_first(b"/b"), "flags": record.FLAG_BAD_EXE_PATH}, []),
            ({"exe_ino": 99, "flags": record.FLAG_BAD_EXE}, []),
            ({"uid": 99, "flags": record.FLAG_BAD_IDS}, []),
            ({"ancestors": (), "flags": record.FLAG_BAD_ANCESTORS}, []),
            ({"cwd": leaf_first(b"/x"), "filename": b"./a\0"}, []),
        ],
    )
    def test_what_differs_is_said(
        self, tmp_path: Path, changed: dict[str, Any], said: list[str]
    ) -> None:
        baseline = Baseline(str(tmp_path / "baseline"), 0, now_s=0)
        usual = {"exe": leaf_first(b"/a"), "ancestors": ((1, 2, 3, b"worker-1:17"),)}
        assert self.see(baseline, **usual) == ["exe", "pair", "user"]
        assert self.see(baseline, **usual) == []
        assert self.see(baseline, **usual | changed) == said
        assert self.see(baseline, **usual | changed) == []
        baseline.close()

    @pytest.mark.parametrize(
        ("members", "path"),
        [
            ({"filename": b"/opt/x/../s\0"}, b"/opt/s"),
            ({"filename": b"./s\0", "cwd": leaf_first(b"/opt")}, b"/opt/s"),
            ({"filename": b"s\0", "flags": record.FLAG_BAD_CWD}, b"/bin/sh"),
            ({"filename": b"", "flags": record.FLAG_BAD_FILENAME}, b"/bin/sh"),
            ({"filename": b"/dev/fd/3\0", "script_ino": 1, "script": leaf_first(b"/s")}, b"/s"),
        ],
    )
    def test_script_is_its_path(self, members: dict[str, Any], path: bytes) -> None:
        flags = record.FLAG_SCRIPT | members.pop("flags", 0)
        raw = {"exe": leaf_first(b"/bin/sh"), "interp": b"/bin/sh\0", **members, "flags": flags}
        traits = traits_of(event_of(Decoder(), **raw).place)
        assert traits is not None
        assert (traits.program, traits.exe) == (path, b"/bin/sh")
