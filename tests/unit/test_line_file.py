# SPDX-License-Identifier: Apache-2.0
"""What a log file may be, and who may have made it."""

import fcntl
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.sinks.line_file import Held, LineFile, Refused

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir(mode=0o750)
    return directory / "execaudit.jsonl"


def open_file(path: Path, gid: int | None = None) -> LineFile:
    return LineFile(str(path), 0o640, gid)


def test_new_file_has_exactly_the_mode_whatever_the_umask(path: Path) -> None:
    for mask in (0o077, 0o000):
        before = os.umask(mask)
        try:
            file = open_file(path)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        file.close()
        path.unlink()


def test_existing_file_gets_the_mode_and_the_group(path: Path) -> None:
    path.touch(mode=0o666)
    file = open_file(path, gid=NOBODY)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_gid == NOBODY
    assert file.notes == []
    file.close()


def test_descriptor_is_not_inherited_and_appends(path: Path) -> None:
    file = open_file(path)

    assert fcntl.fcntl(file.fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert fcntl.fcntl(file.fd, fcntl.F_GETFL) & os.O_APPEND
    file.close()


def make_link(path: Path) -> None:
    (path.parent / "target").touch()
    path.symlink_to("target")


def make_hard_link(path: Path) -> None:
    (path.parent / "precious").write_text("x")
    os.link(path.parent / "precious", path)


def make_file_of_another(path: Path) -> None:
    path.touch()
    os.chown(path, NOBODY, -1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_link, "not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "not a regular file"),
        (os.mkfifo, "not a regular file"),  # without waiting for a reader
        (Path.mkdir, "not a regular file"),
        (lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)), "not a regular file"),
        (make_hard_link, "hard links"),
        (make_file_of_another, "belongs to uid 65534"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(
    path: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(path)

    with pytest.raises(Refused, match=reason):
        open_file(path)
    assert not (path.parent / "nowhere").exists()


def test_fifo_with_a_reader_is_refused(path: Path) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    with pytest.raises(Refused, match="not a regular file"):
        open_file(path)
    os.close(reader)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_directory_that_everybody_can_write_to_is_refused(path: Path, mode: int) -> None:
    path.parent.chmod(mode)

    with pytest.raises(Refused, match="everybody can write"):
        open_file(path)
    assert not path.exists()


def test_directory_below_one_that_everybody_can_write_to_is_refused(path: Path) -> None:
    path.parent.parent.chmod(0o777)

    with pytest.raises(Refused, match="everybody can write"):
        open_file(path)


def test_directory_of_another_user_is_refused(path: Path) -> None:
    os.chown(path.parent, NOBODY, -1)

    with pytest.raises(Refused, match="belongs to uid 65534"):
        open_file(path)


def test_link_in_place_of_the_directory_is_refused(path: Path) -> None:
    link = path.parent.parent / "link"
    link.symlink_to("log")

    with pytest.raises(Refused, match="symbolic link"):
        open_file(link / path.name)


def test_link_on_the_way_that_others_could_replace_is_refused(path: Path) -> None:
    public = path.parent.parent / "public"
    public.mkdir()
    public.chmod(0o777)
    (public / "link").symlink_to(path.parent.parent)

    with pytest.raises(Refused, match=r"everybody can write to '.*/public'"):
        open_file(public / "link" / "log" / path.name)


def test_link_on_the_way_that_only_root_can_replace_is_followed(path: Path) -> None:
    (path.parent.parent / "link").symlink_to(path.parent.parent)
    open_file(path.parent.parent / "link" / "log" / path.name).close()

    assert path.exists()


def test_missing_directory_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(path.parent / "missing" / path.name)


def test_group_that_cannot_be_set_is_noted_and_the_file_usable(path: Path) -> None:
    """As a user without CAP_CHOWN, in a child."""
    os.chown(path.parent, NOBODY, -1)
    for above in path.parent.parents[:-2]:
        above.chmod(0o755)
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            file = open_file(path, gid=0)
            written = file.append(b"{}\n")
            good = written == (3, None) and len(file.notes) == 1 and "Group=root" in file.notes[0]
            status = 0 if good else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_append_takes_whole_batches(path: Path) -> None:
    file = open_file(path)

    assert file.append(b"a\nb\n") == (4, None)
    assert file.append(b"c\n") == (2, None)
    assert path.read_bytes() == b"a\nb\nc\n"
    assert file.size() == file.size_at_path() == 6
    file.close()


def test_moved_removed_and_replaced_are_told_from_untouched(path: Path) -> None:
    file = open_file(path)
    assert file.size_at_path() == 0
    assert not file.is_unlinked()

    path.rename(path.parent / "moved")
    assert file.size_at_path() is None
    assert not file.is_unlinked()
    path.touch()
    assert file.size_at_path() is None
    (path.parent / "moved").unlink()
    assert file.is_unlinked()
    file.close()


def test_file_that_is_written_to_is_refused_and_the_process_named(path: Path) -> None:
    file = open_file(path)
    os.close(os.dup(file.fd))  # as when it is synced in the background

    with pytest.raises(Held, match=f"process {os.getpid()} writes to it") as caught:
        open_file(path)
    assert caught.value.exit_status == 6

    file.close()
    open_file(path).close()


def test_lock_of_a_reader_does_not_keep_the_file_from_being_opened(path: Path) -> None:
    path.touch()
    with path.open("rb") as reader:
        lock = struct.pack("@hhqqi", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(reader, fcntl.F_OFD_SETLK, lock)

        open_file(path).close()
