# SPDX-License-Identifier: Apache-2.0
"""A failed exec is recorded with its error, what was asked for, and who asked."""

import errno
import os
import struct
from pathlib import Path

import pytest

from tests.integration.comparing import assert_same
from tests.integration.launching import Child
from tests.integration.surroundings import become_user
from tests.integration.tracing import Record, Tracer, execs_of, exits_of

ARGUMENTS = ["zero", "", "two\n\x1b[31m", "dré"]
PATH_MAX = 4096
PT_LOAD = 1
MAX_ARG_STRLEN = 131072


def fail_by(
    tracer: Tracer, programs: Path, way: str, file: str, *argv: str | bytes
) -> tuple[Child, Record]:
    """Run a failing exec. Returns the caller and the record, having checked who it names."""
    arguments = [str(programs / "execute"), way, file, *argv]
    child, records = tracer.during(lambda: tracer.run(arguments))
    started, failed = execs_of(records, child.pid)
    assert failed["id"] == started["id"]
    return child, failed


def assert_failed(child: Child, record: Record, code: int, **differences: object) -> None:
    assert child.truth.failed == code
    assert_same(record, child.truth, **{"errno": errno.errorcode[code], **differences})


def test_cheapest_hook_that_the_kernel_has_is_taken(tracer: Tracer) -> None:
    # Said by whoever knows the kernel, as the guests do.
    expected = os.environ.get("EXECAUDIT_FAILURE_HOOK", tracer.failure_hook)
    assert tracer.failure_hook == expected, tracer.ready_line


@pytest.fixture
def bad_files(place: Path) -> Path:
    (place / "not-executable").write_text("#!/bin/true\n")
    (place / "no-format").write_bytes(b"\x01\x02 nothing that runs")
    (place / "no-interpreter").write_text("#!/no/such/interpreter\n")
    (place / "empty").touch()
    (place / "loop").symlink_to("loop")
    for name in ("no-format", "no-interpreter", "empty"):
        (place / name).chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("not-there", errno.ENOENT),
        ("no-interpreter", errno.ENOENT),
        ("not-executable", errno.EACCES),
        ("", errno.EACCES),
        ("no-format", errno.ENOEXEC),
        ("empty", errno.ENOEXEC),
        ("no-format/below", errno.ENOTDIR),
        ("loop", errno.ELOOP),
        ("n" * 256, errno.ENAMETOOLONG),
    ],
)
@pytest.mark.parametrize("way", ["execve", "execveat-cwd"])
def test_failed_exec_says_why_and_what_was_asked_for(
    tracer: Tracer, programs: Path, bad_files: Path, way: str, file: str, code: int
) -> None:
    path = f"{bad_files}/{file}"
    child, record = fail_by(tracer, programs, way, path, *ARGUMENTS)
    hook = "execve" if way == "execve" else "execveat"
    argv = {"filename": path, "argv": ARGUMENTS, "argc": 4}
    assert_failed(child, record, code, hook=hook, **argv)


def test_empty_filename_is_shown_or_left_out_not_misread(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "execve", "", "x")
    assert record.get("filename", "") == ""
    assert "filename" not in record.get("unreadable", ())
    filename = record.get("filename")
    assert_failed(child, record, errno.ENOENT, hook="execve", filename=filename, argv=["x"], argc=1)


def test_bad_descriptor_is_reported(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "execveat-bad-descriptor", "relative", "x")
    argv = {"filename": "relative", "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.EBADF, hook="execveat", **argv)


def test_bad_flags_are_reported(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "execveat-bad-flags", "/bin/true", "x")
    argv = {"filename": "/bin/true", "argv": ["x"], "argc": 1, "execveat_flags": 1 << 30}
    assert_failed(child, record, errno.EINVAL, hook="execveat", **argv)


def test_check_that_is_refused_is_told_from_a_failed_exec(
    tracer: Tracer, programs: Path, bad_files: Path
) -> None:
    path = f"{bad_files}/not-executable"
    child, record = fail_by(tracer, programs, "execveat-check", path, "x")
    argv = {"filename": path, "argv": ["x"], "argc": 1}
    flags = {"checked": True, "execveat_flags": 0x10000}
    # Kernels before 6.14 do not know the flag, and refuse it before they look at the file.
    assert record["errno"] in ("EACCES", "EINVAL")
    assert_failed(child, record, record["errno_code"], hook="execveat", **argv, **flags)


def test_symlink_not_to_be_followed_is_reported(
    tracer: Tracer, programs: Path, bad_files: Path
) -> None:
    path = f"{bad_files}/loop"
    child, record = fail_by(tracer, programs, "execveat-nofollow", path, "x")
    argv = {"filename": path, "argv": ["x"], "argc": 1, "execveat_flags": 0x100}
    assert_failed(child, record, errno.ELOOP, hook="execveat", **argv)


def test_file_open_for_writing_is_reported(tracer: Tracer, programs: Path, place: Path) -> None:
    busy = place / "busy"
    busy.write_bytes((programs / "tiny").read_bytes())
    busy.chmod(0o755)
    with busy.open("r+b"):
        child, record = fail_by(tracer, programs, "execve", str(busy), "x")
    argv = {"filename": str(busy), "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.ETXTBSY, hook="execve", **argv)


def test_unreadable_filename_is_said_to_be_unreadable(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "unreadable-filename", "ignored", "x")
    seen = {"unreadable": ["filename"], "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.EFAULT, hook="execve", **seen)


def test_unreadable_array_is_said_to_be_unreadable(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "unreadable-arguments", "/bin/true", "ignored")
    assert record["unreadable"][0] == "argv"
    assert "argv" not in record
    seen = {"unreadable": ["argv"], "argc": record.get("argc"), "filename": "/bin/true"}
    assert_failed(child, record, errno.EFAULT, hook="execve", **seen)
    assert not record.get("argc")


def test_unreadable_argument_is_a_marked_gap(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "unreadable-argument", "/bin/true", "ignored")
    seen = {
        "argv": ["before"],
        "argc": 1,
        "truncated": record["truncated"],
        "filename": "/bin/true",
    }
    assert record["truncated"]["argv"] == [{"index": 0, "reason": "unreadable"}]
    assert_failed(child, record, errno.EFAULT, hook="execve", **seen)


def test_argument_that_nobody_touched_is_not_shown_as_empty(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    # The kernel gives up before it looks at argv, and BPF cannot fault the page in.
    target = place / "selfdump"
    target.write_bytes((programs / "selfdump").read_bytes())
    child, record = fail_by(tracer, programs, "untouched-pages", str(target), "x", "y")
    assert child.truth.failed == errno.EACCES
    shown = record.get("argv")
    if shown is None:
        assert record["unreadable"][0] == "argv"
    else:
        assert shown[0].startswith("ELF")


def test_argument_beyond_the_limit_is_cut_and_marked(tracer: Tracer, programs: Path) -> None:
    execute = str(programs / "execute")
    # Its first MAX_ARG_STRLEN - 1 bytes pass the test's own exec, the rest is made by printf.
    script = f"exec {execute} execve /bin/true a$(printf %{MAX_ARG_STRLEN - 1}s | tr ' ' x)"
    child, records = tracer.during(lambda: tracer.run(["/bin/sh", "-c", script]))
    failed = [r for r in execs_of(records, child.pid) if r["result"] == "failure"]
    (record,) = failed
    # The shell's own exec fails: the argument is too long for it already.
    assert (record["errno"], record["errno_code"]) == ("E2BIG", errno.E2BIG)
    assert record["filename"] == execute
    assert record["argv"][:3] == [execute, "execve", "/bin/true"]
    long = record["argv"][3]
    assert long == "a" + "x" * (len(long) - 1)
    assert record["truncated"]["argv"][-1]["index"] == 3


def test_many_arguments_are_cut_and_marked(tracer: Tracer, programs: Path) -> None:
    argv = [f"argument-{i}" for i in range(5000)]
    _, record = fail_by(tracer, programs, "execve", "/no/such/file", *argv)
    shown = record["argv"]
    assert shown == argv[: len(shown)]
    assert 100 < len(shown) < 5000
    assert record["argc"] == len(shown)
    assert record["truncated"]["argv"] == [{"index": len(shown) - 1, "reason": "budget"}]


@pytest.mark.parametrize("length", [PATH_MAX - 2, PATH_MAX - 1])
def test_longest_filename_is_whole(
    tracer: Tracer, programs: Path, place: Path, length: int
) -> None:
    path = f"{place}/".ljust(length - 1, "/") + "x"
    child, record = fail_by(tracer, programs, "execve", path, "x")
    argv = {"filename": path, "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.ENOENT, hook="execve", **argv)


def test_filename_beyond_path_max_is_cut_and_marked(tracer: Tracer, programs: Path) -> None:
    path = "/".ljust(PATH_MAX + 500, "x")
    child, record = fail_by(tracer, programs, "execve", path, "x")
    assert path.startswith(record["filename"])
    assert len(record["filename"]) >= PATH_MAX
    seen = {"filename": record["filename"], "argv": ["x"], "argc": 1}
    mark = record["truncated"] | {"filename": True}
    assert_failed(child, record, errno.ENAMETOOLONG, hook="execve", truncated=mark, **seen)


def test_invalid_utf8_rides_along(tracer: Tracer, programs: Path) -> None:
    name = os.fsdecode(b"/no/\xff\xfe")
    child, record = fail_by(tracer, programs, "execve", name, b"\x80\xc3", b"fine")
    seen = {
        "filename": "/no/��",
        "filename_b64": "L25vL//+",
        "argv": ["��", "fine"],
        "argv_b64": {"0": "gMM="},
        "argc": 2,
    }
    assert_failed(child, record, errno.ENOENT, hook="execve", **seen)


def test_caller_without_privilege_is_named(tracer: Tracer, programs: Path, place: Path) -> None:
    place.joinpath("private").mkdir(mode=0o700)
    path = f"{place}/private/x"
    argv = [str(programs / "execute"), "execve", path, "x"]
    child, records = tracer.during(
        lambda: tracer.run(argv, setup=lambda: become_user(54321, 54322))
    )
    record = execs_of(records, child.pid)[-1]
    seen = {"filename": path, "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.EACCES, hook="execve", **seen)
    assert (record["uid"], record["egid"]) == (54321, 54322)


def test_each_id_of_the_caller_is_told_apart(tracer: Tracer, programs: Path) -> None:
    child, record = fail_by(tracer, programs, "many-ids", "/no/such/file", "x")
    argv = {"filename": "/no/such/file", "argv": ["x"], "argc": 1}
    assert_failed(child, record, errno.ENOENT, hook="execve", **argv)
    assert [record[k] for k in ("gid", "egid", "sgid", "fsgid")] == [1001, 1002, 1003, 1008]
    assert [record[k] for k in ("uid", "euid", "suid", "fsuid")] == [1004, 0, 1006, 1007]


def test_search_of_a_path_shows_each_attempt(tracer: Tracer, programs: Path, place: Path) -> None:
    for name in ("one", "two", "three"):
        (place / name).mkdir()
    (place / "three" / "selfdump").symlink_to(programs / "selfdump")
    search = ":".join(f"{place}/{name}" for name in ("one", "two", "three"))
    child, records = tracer.during(
        lambda: tracer.run(
            [str(programs / "execute"), "path", "selfdump", "s"], env={"PATH": search}
        )
    )
    shown = [(r["filename"], r["result"]) for r in execs_of(records, child.pid)[1:]]
    assert shown == [
        (f"{place}/one/selfdump", "failure"),
        (f"{place}/two/selfdump", "failure"),
        (f"{place}/three/selfdump", "success"),
    ]


def test_exec_that_fails_beyond_return_is_not_lost(
    exit_tracer: Tracer, programs: Path, place: Path
) -> None:
    """A segment in the kernel's half: found when the old image is gone, so the caller dies."""
    broken = place / "broken"
    broken.write_bytes(make_unmappable_elf((programs / "tiny").read_bytes()))
    broken.chmod(0o755)
    argv = [str(programs / "execute"), "execve", str(broken), "x"]
    child, records = exit_tracer.during(lambda: exit_tracer.run(argv))
    assert child.wait() < 0
    started, failed = execs_of(records, child.pid)
    assert started["exe"] == str(programs / "execute")
    assert failed["result"] == "failure"
    assert "errno" in failed
    # Its memory is gone with the filename and the arguments: they may not be made up.
    for name in ("filename", "argv"):
        assert name in failed.get("unreadable", ()) or failed[name] in (str(broken), ["x"])
    (ended,) = exits_of(records, child.pid)
    assert ended["signal"] in ("SIGSEGV", "SIGKILL")


def make_unmappable_elf(program: bytes) -> bytes:
    """Move the first segment to load of an ELF file (64 bit, System V ABI) to where none can be."""
    image = bytearray(program)
    (begin,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    headers = range(begin, begin + size * count, size)
    at = next(at for at in headers if struct.unpack_from("<I", image, at) == (PT_LOAD,))
    struct.pack_into("<QQ", image, at + 16, 0xFFFF800000000000, 0xFFFF800000000000)
    return bytes(image)
