# SPDX-License-Identifier: Apache-2.0
"""File names and directories of any form and length."""

import os
import shutil
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.comparing import assert_same
from tests.integration.launching import Child, own_comm
from tests.integration.surroundings import enter_deep_directory
from tests.integration.tracing import Record, Tracer, execs_of

PATH_MAX = 4096


def run_from(
    tracer: Tracer, file: str | bytes, setup: Callable[[], None] | None = None
) -> tuple[Child, Record]:
    child, records = tracer.during(lambda: tracer.run([b"x"], file=file, setup=setup))
    (record,) = execs_of(records, child.pid)
    return child, record


def assert_whole(child: Child, record: Record, **differences: Any) -> None:
    assert_same(record, child.truth, old_comm=own_comm(), **differences)


@pytest.mark.parametrize("count", [1, 5, 40, 100])
def test_relative_name_from_a_deep_directory(
    tracer: Tracer, programs: Path, place: Path, count: int
) -> None:
    shutil.copy(programs / "selfdump", place / "run")
    names = [f"level-{i}" for i in range(count)]
    child, record = run_from(
        tracer, "../" * count + "run", partial(enter_deep_directory, place, names)
    )
    assert record["cwd"] == f"{place}/{'/'.join(names)}"
    assert record["exe"] == f"{place}/run"
    assert_whole(child, record)


def test_dots_links_and_slashes_are_resolved_in_exe_only(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    (place / "link").symlink_to(programs)
    name = f"{place}//link/./../programs/selfdump"
    child, record = run_from(tracer, name)
    assert (record["filename"], record["exe"]) == (name, str(programs / "selfdump"))
    assert_whole(child, record)


@pytest.mark.parametrize("length", [255, 256, 1024, PATH_MAX - 2, PATH_MAX - 1])
def test_filename_as_long_as_allowed_is_whole(tracer: Tracer, programs: Path, length: int) -> None:
    name = "/".ljust(length - len(str(programs / "selfdump")), "/") + str(programs / "selfdump")
    child, record = run_from(tracer, name)
    assert record["filename"] == name
    assert_whole(child, record)


@pytest.mark.parametrize("length", [PATH_MAX - 20, PATH_MAX - 1])
def test_descriptor_in_front_of_a_long_filename_cuts_nothing(
    tracer: Tracer, programs: Path, length: int
) -> None:
    """The kernel itself makes a name that is longer than PATH_MAX: /dev/fd/N/NAME."""
    name = "./".ljust(length - len("selfdump"), "/") + "selfdump"
    argv = [str(programs / "execute"), "execveat-cwd-descriptor", name, "x"]
    child, records = tracer.during(lambda: tracer.run(argv, setup=lambda: os.chdir(programs)))
    record = execs_of(records, child.pid)[-1]
    assert len(record["filename"]) > length
    assert_same(record, child.truth, old_comm="execute")


@pytest.mark.parametrize("length", [1000, 3000, PATH_MAX - 100])
def test_exe_and_directory_nearly_path_max_are_whole(
    tracer: Tracer, programs: Path, place: Path, length: int
) -> None:
    names = fill_path(place, length)

    def enter() -> None:
        enter_deep_directory(place, names)
        shutil.copy(programs / "selfdump", "run")

    child, record = run_from(tracer, "./run", enter)
    assert record["cwd"] == f"{place}/{'/'.join(names)}"
    assert_whole(child, record)


def test_path_of_many_short_components_is_whole_or_marked(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    names = ["d"] * 300
    child, record = run_from(
        tracer, str(programs / "selfdump"), partial(enter_deep_directory, place, names)
    )
    assert_cut_or_whole(child, record, f"{place}/{'/'.join(names)}")


def test_directory_longer_than_path_max_is_cut_and_marked(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    names = [f"{i:02}".ljust(200, "x") for i in range(40)]
    child, record = run_from(
        tracer, str(programs / "selfdump"), partial(enter_deep_directory, place, names)
    )
    assert record["cwd"].startswith("…/")
    assert len(record["cwd"]) > PATH_MAX - 300
    assert_cut_or_whole(child, record, f"{place}/{'/'.join(names)}")


def test_exe_longer_than_path_max_is_cut_and_marked(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    names = [f"{i:02}".ljust(200, "x") for i in range(40)]

    def enter() -> None:
        enter_deep_directory(place, names)
        shutil.copy(programs / "selfdump", "run")
        os.chdir("/")

    def enter_and_stay() -> None:
        enter()
        enter_deep_directory(place, names)

    child, record = run_from(tracer, "./run", enter_and_stay)
    path = f"{place}/{'/'.join(names)}"
    assert record["exe"].startswith("…/")
    assert f"{path}/run".endswith(record["exe"][1:])
    assert record["truncated"]["exe"] is True
    assert_cut_or_whole(child, record, path, exe=record["exe"])


def test_removed_working_directory_is_marked(tracer: Tracer, programs: Path, place: Path) -> None:
    def enter() -> None:
        gone = place / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    child, record = run_from(tracer, str(programs / "selfdump"), enter)
    assert (record["cwd"], record["cwd_deleted"]) == (f"{place}/gone", True)
    assert_whole(child, record)


def test_directory_of_a_removed_directory_is_marked(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    def enter() -> None:
        inner = place / "outer" / "inner"
        inner.mkdir(parents=True)
        os.chdir(inner)
        inner.rmdir()
        inner.parent.rmdir()

    child, record = run_from(tracer, str(programs / "selfdump"), enter)
    assert record["cwd_deleted"] is True
    assert_whole(child, record)


def test_renamed_directory_has_its_new_name(tracer: Tracer, programs: Path, place: Path) -> None:
    def enter() -> None:
        (place / "old").mkdir()
        os.chdir(place / "old")
        (place / "old").rename(place / "a rather longer name than fits into a dentry itself")

    child, record = run_from(tracer, str(programs / "selfdump"), enter)
    assert record["cwd"].endswith("/a rather longer name than fits into a dentry itself")
    assert_whole(child, record)


def test_names_that_are_not_utf8_ride_along(tracer: Tracer, programs: Path, place: Path) -> None:
    directory = os.fsencode(place) + b"/d\xff\n"
    os.mkdir(directory)  # noqa: PTH102  no Path for such a name
    shutil.copy(os.fsencode(programs / "selfdump"), directory + b"/r\xfe")
    child, record = run_from(tracer, directory + b"/r\xfe", lambda: os.chdir(directory))
    assert b64decode(record["exe_b64"]) == directory + b"/r\xfe"
    assert b64decode(record["cwd_b64"]) == directory
    assert_whole(child, record)


def test_hard_link_counts_and_owner(tracer: Tracer, programs: Path, place: Path) -> None:
    file = Path(shutil.copy(programs / "selfdump", place / "one"))
    os.link(file, place / "two")
    os.chown(file, 54321, 54322)
    file.chmod(0o711)
    child, record = run_from(tracer, str(place / "two"))
    assert (record["exe_nlink"], record["exe_mode"]) == (2, "0100711")
    assert (record["exe_uid"], record["exe_gid"]) == (54321, 54322)
    assert_whole(child, record)


def fill_path(top: Path, length: int) -> list[str]:
    """Names of directories that make a path of `length` bytes under `top`."""
    left = length - len(str(top))
    names: list[str] = []
    while left > 0:
        size = min(left, 200)
        names.append(f"{len(names):02}".ljust(size - 1, "x"))
        left -= size
    return names


def assert_cut_or_whole(child: Child, record: Record, cwd: str, **differences: Any) -> None:
    """Assert that the record shows all of `cwd`, or its end with a mark."""
    shown = record["cwd"]
    if shown != cwd:
        assert shown.startswith("…/")
        assert cwd.endswith(shown[1:])
        assert record["truncated"]["cwd"] is True
    # The program itself cannot tell: readlink(2) has no room for it.
    marks = {"truncated": record.get("truncated")}
    assert_same(record, child.truth, old_comm=own_comm(), cwd=shown, **marks, **differences)
