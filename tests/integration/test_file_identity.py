# SPDX-License-Identifier: Apache-2.0
"""Device and inode of programs and scripts are those of one file only, also on layered systems."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.kernel.file_systems import find_file_systems
from execaudit.rules.kernel_rules import KernelLookups
from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.requirements import give_up
from tests.integration.tracing import Record, Tracer, execs_of


@pytest.fixture
def subvolumes(place: Path) -> Iterator[tuple[Path, Path]]:
    """Two subvolumes of one btrfs."""
    if shutil.which("mkfs.btrfs") is None:
        give_up("there is no mkfs.btrfs")
    image, top = place / "image", place / "btrfs"
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    top.mkdir()
    # In a guest nobody else loads them; elsewhere they may be part of the kernel.
    subprocess.run(["modprobe", "-q", "-a", "loop", "btrfs", "overlay"], check=False)
    if subprocess.run(["mount", "-o", "loop", image, top], check=False).returncode:
        give_up("this kernel mounts no btrfs")
    try:
        for name in ("a", "b"):
            subprocess.run(["btrfs", "-q", "subvolume", "create", top / name], check=True)
        yield top / "a", top / "b"
    finally:
        subprocess.run(["umount", top], check=True)


@contextlib.contextmanager
def overlay(place: Path, *layers: Path, upper: str = "") -> Iterator[Path]:
    """Mount layers, the uppermost first: read-only, or below the options of an upper one."""
    merged = place / "merged"
    merged.mkdir()
    options = f"{'rw' if upper else 'ro'},lowerdir={':'.join(map(str, layers))}{upper}"
    kind = ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
    if subprocess.run(kind, check=False).returncode:
        give_up("this kernel mounts no overlayfs")
    try:
        yield merged
    finally:
        subprocess.run(["umount", merged], check=True)


def run(tracer: Tracer, program: Path) -> Record:
    child, records = tracer.during(lambda: tracer.run([str(program)]))
    (record,) = execs_of(records, child.pid)
    return record


def assert_numbers(record: Record, file: Path, *, are_known: bool) -> None:
    """Check device and inode, where the kernel says how to find them, else that a mark is there."""
    if are_known:
        assert "exe_dev_inexact" not in record
        assert (record["exe_dev"], record["exe_ino"]) == numbers_of(file)
    else:  # before 5.11, modules have no type information
        assert record["exe_dev_inexact"] is True


def numbers_of(path: Path) -> tuple[str, str]:
    status = path.stat()
    return f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}", str(status.st_ino)


def test_device_on_btrfs_is_that_of_the_subvolume(
    tracer: Tracer, programs: Path, subvolumes: tuple[Path, Path]
) -> None:
    for folder in subvolumes:
        shutil.copy(programs / "tiny", folder / "tiny")
    first, second = (folder / "tiny" for folder in subvolumes)
    assert first.stat().st_ino == second.stat().st_ino

    are_known = bool(find_file_systems().btrfs_root_back)
    for file in (first, second):
        assert_numbers(run(tracer, file), file, are_known=are_known)


def test_files_of_two_layers_on_one_btrfs_are_told_apart(
    tracer: Tracer, programs: Path, place: Path, subvolumes: tuple[Path, Path]
) -> None:
    first, second = subvolumes[0] / "first", subvolumes[1] / "second"
    for file in (first, second):
        shutil.copy(programs / "tiny", file)
    with overlay(place, *subvolumes) as merged:
        shown = [(merged / name).stat() for name in ("first", "second")]
        assert (shown[0].st_dev, shown[0].st_ino) == (shown[1].st_dev, shown[1].st_ino)

        are_known = all(find_file_systems())
        for file in (first, second):
            assert_numbers(run(tracer, merged / file.name), file, are_known=are_known)


def test_file_added_to_an_overlay_is_told_from_one_of_the_layers_below(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    lower, upper, work = (place / name for name in ("lower", "upper", "work"))
    for folder in (lower, upper, work):
        folder.mkdir()
    for name in ("shipped", "changed"):
        shutil.copy(programs / "tiny", lower / name)
    with overlay(place, lower, upper=f",upperdir={upper},workdir={work}") as merged:
        shutil.copy(programs / "tiny", merged / "added")
        (merged / "changed").chmod(0o700)  # copies it into the upper layer
        found = {name: run(tracer, merged / name) for name in ("shipped", "changed", "added")}
    assert "exe_upper" not in run(tracer, lower / "shipped")

    if find_file_systems().overlay_upper:
        upper_ones = {name for name, record in found.items() if record.get("exe_upper")}
        assert upper_ones == {"changed", "added"}
        assert not any("exe_upper" in record.get("unreadable", ()) for record in found.values())
    else:  # before 5.11, modules have no type information
        assert all("exe_upper" in record["unreadable"] for record in found.values())


def test_rule_on_a_file_of_an_overlay_drops_no_other_file_of_it(
    engine: str, programs: Path, place: Path, subvolumes: tuple[Path, Path]
) -> None:
    for folder, name in zip(subvolumes, ("first", "second"), strict=True):
        shutil.copy(programs / "tiny", folder / name)
    with overlay(place, *subvolumes) as merged:
        rules = f'[[rule]]\nname = "first"\naction = "drop"\nexe = "{merged.resolve()}/first"\n'
        with Daemon(place, engine, rules=rules) as daemon:
            for name in ("first", "second"):
                launch([str(merged / name)]).wait()
            daemon.settle(programs / "tiny")
            hits = daemon.status()["rules"]["first"]
            daemon.stop()
            names = [record.get("filename") for record in daemon.records()]
    assert str(merged / "second") in names
    assert str(merged / "first") not in names
    assert hits == {"hits": 1, "kernel_hits": 0}


def test_kernel_gets_a_key_for_a_file_that_it_knows_by_its_numbers_only(
    programs: Path, place: Path, subvolumes: tuple[Path, Path]
) -> None:
    file = subvolumes[0].resolve() / "tiny"
    shutil.copy(programs / "tiny", file)
    pinned = KernelLookups()
    try:
        found = pinned.exe(str(file))
        status = file.stat()
        exact = (os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino)
        assert found == (exact if find_file_systems().btrfs_root_back else None)
        with overlay(place, subvolumes[0], subvolumes[1]) as merged:
            assert pinned.exe(str(merged.resolve() / "tiny")) is None
    finally:
        pinned.close()


def test_program_on_btrfs_is_dropped_in_the_kernel(
    engine: str, programs: Path, place: Path, subvolumes: tuple[Path, Path]
) -> None:
    files = [folder.resolve() / "tiny" for folder in subvolumes]
    for file in files:
        shutil.copy(programs / "tiny", file)
    rules = f'[[rule]]\nname = "first"\naction = "drop"\nexe = "{files[0]}"\n'
    with Daemon(place, engine, rules=rules) as daemon:
        for file in files:
            launch([str(file)]).wait()
        daemon.settle(programs / "tiny")
        hits = daemon.status()["rules"]["first"]
        daemon.stop()
        names = [record.get("filename") for record in daemon.records()]
    assert str(files[1]) in names
    assert str(files[0]) not in names
    assert hits == {"hits": 1, "kernel_hits": int(bool(find_file_systems().btrfs_root_back))}


@pytest.fixture
def script(place: Path) -> Path:
    path = place / "folder" / "script"
    path.parent.mkdir()
    path.write_text("#!/bin/true\n")
    path.chmod(0o755)
    return path


def run_by_descriptor(tracer: Tracer, script: Path, *, is_removed: bool = False) -> Record:
    def enter() -> None:
        fd = os.open(script, os.O_RDONLY)
        os.set_inheritable(fd, True)
        if is_removed:
            script.unlink()
        os.execve(fd, ["x"], {})  # noqa: S606

    child, records = tracer.during(lambda: tracer.run(["x"], setup=enter))
    return execs_of(records, child.pid)[-1]


def test_script_behind_a_descriptor_has_its_path_and_numbers(tracer: Tracer, script: Path) -> None:
    record = run_by_descriptor(tracer, script)

    assert record["filename"].startswith("/dev/fd/")
    assert record["script"] == str(script)
    assert (record["script_dev"], record["script_ino"]) == numbers_of(script)
    assert record["exe"] == str(Path("/bin/true").resolve())


def test_script_that_was_removed_has_its_last_path(tracer: Tracer, script: Path) -> None:
    status = numbers_of(script)

    record = run_by_descriptor(tracer, script, is_removed=True)

    assert record["script"] == str(script)
    assert (record["script_dev"], record["script_ino"]) == status


def test_script_in_a_directory_behind_a_descriptor_has_its_path(
    tracer: Tracer, programs: Path, script: Path
) -> None:
    argv = [str(programs / "execute"), "execveat-cwd-descriptor", "script", "x"]
    child, records = tracer.during(lambda: tracer.run(argv, setup=lambda: os.chdir(script.parent)))
    record = execs_of(records, child.pid)[-1]
    assert record["filename"].endswith("/script")
    assert record["script"] == str(script)
    assert "script_ino" not in record


def test_script_by_its_name_has_the_name_it_was_called_by(tracer: Tracer, script: Path) -> None:
    record = run(tracer, script)
    assert record["script"] == str(script)
    assert "script_ino" not in record
