# SPDX-License-Identifier: Apache-2.0
"""Compressing rotated files so that a crash never leaves half of one under a finished name."""

import gzip
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from execaudit.errors import NotConfigured
from execaudit.sinks.compression import compress, find_compressor
from execaudit.sinks.rotation import Series
from tests.lines import lines

STAMP = "20261123T020406Z"
NAME = f"execaudit.jsonl.{STAMP}"
DATA = b"".join(lines(1, 5000))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(DATA)
    path.chmod(0o640)
    os.chown(path, -1, 65534)
    os.utime(path, ns=(10**18, 10**18 + 123456789))
    return path


def series(path: Path) -> Series:
    return Series(str(path.parent / "execaudit.jsonl"))


def run(plain: Path, *, stop_after: int = 10**9) -> bool:
    asked = iter(range(10**9))
    return compress(
        series(plain), NAME, "gzip", find_compressor("gzip"), lambda: next(asked) >= stop_after
    )


def test_compressed_file_replaces_the_plain_one_with_its_attributes(plain: Path) -> None:
    before = plain.stat()

    assert run(plain)

    (only,) = plain.parent.iterdir()
    assert only.name == f"{NAME}.gz"
    assert gzip.decompress(only.read_bytes()) == DATA
    after = only.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, 65534)
    assert after.st_mtime_ns == before.st_mtime_ns


def test_gzip_reads_the_result(plain: Path) -> None:
    import subprocess

    run(plain)

    done = subprocess.run(["gzip", "-t", f"{plain}.gz"], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_stopping_leaves_the_plain_file_and_nothing_else(plain: Path) -> None:
    assert not run(plain, stop_after=1)
    assert [path.name for path in plain.parent.iterdir()] == [NAME]
    assert plain.read_bytes() == DATA


def test_file_removed_meanwhile_does_not_come_back(plain: Path) -> None:
    def remove() -> bool:
        plain.unlink(missing_ok=True)
        return False

    assert not compress(series(plain), NAME, "gzip", find_compressor("gzip"), remove)
    assert list(plain.parent.iterdir()) == []


def test_file_that_is_gone_is_no_error(plain: Path) -> None:
    plain.unlink()

    assert not run(plain)


@pytest.mark.parametrize("is_late", [False, True])
def test_compressed_file_of_somebody_else_stays_and_so_does_the_plain_one(
    plain: Path, *, is_late: bool
) -> None:
    other = plain.parent / f"{NAME}.gz"
    if not is_late:
        other.write_bytes(b"half")

    def write_other() -> bool:
        other.write_bytes(b"half")
        return False

    with pytest.raises(FileExistsError):
        compress(series(plain), NAME, "gzip", find_compressor("gzip"), write_other)
    assert (other.read_bytes(), plain.read_bytes()) == (b"half", DATA)
    assert len(list(plain.parent.iterdir())) == 2


def test_link_in_place_of_the_plain_file_is_not_followed(plain: Path) -> None:
    plain.rename(plain.parent / "secret")
    plain.symlink_to("secret")

    with pytest.raises(OSError, match="symbolic links"):
        run(plain)


def test_leftover_of_a_crash_is_written_over(plain: Path) -> None:
    (plain.parent / f".{NAME}.gz.part").write_bytes(b"half")

    assert run(plain)
    assert [path.name for path in plain.parent.iterdir()] == [f"{NAME}.gz"]


class _Zstd(ModuleType):
    """Stands for python3-zstandard, which this machine may not have: only its shape is used."""

    class ZstdCompressor:
        def __init__(self, level: int) -> None:
            self.level = level

        def compressobj(self) -> object:
            import zlib

            return zlib.compressobj(self.level)


def test_zstd_is_found_where_python3_zstandard_is(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "zstandard", _Zstd("zstandard"))

    assert compress(series(plain), NAME, "zstd", find_compressor("zstd"), lambda: False)
    assert [path.name for path in plain.parent.iterdir()] == [f"{NAME}.zst"]


def test_zstd_that_is_not_to_be_had_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(NotConfigured, match="python3-zstandard"):
        find_compressor("zstd")
