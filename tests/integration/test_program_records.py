# SPDX-License-Identifier: Apache-2.0
"""A daemon's records of programs that are new or were changed: what they say and when."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.launching import launch
from tests.integration.tracing import Record


def sections(place: Path) -> dict[str, dict[str, object]]:
    return {"baseline": {"enabled": True, "path": str(place / "baseline"), "learning": "1d"}}


def all_programs(daemon: Daemon) -> list[Record]:
    """Return the records of programs. Others are not parsed: a busy machine has many."""
    lines = [line for data in daemon.contents() for line in data.split(b"\n")[:-1]]
    return [json.loads(line) for line in lines if b'"type":"program"' in line[:80]]


def programs_of(daemon: Daemon, path: Path) -> list[Record]:
    return [r for r in all_programs(daemon) if r.get("exe") == str(path)]


def wait_for_programs(daemon: Daemon, path: Path, count: int) -> list[Record]:
    wait_until(lambda: len(programs_of(daemon, path)) >= count, lambda: daemon.stderr)
    return programs_of(daemon, path)


def test_new_and_changed_programs_are_described_once_also_while_learning(
    engine: str, programs: Path, place: Path
) -> None:
    target = Path(shutil.copy(programs / "tiny", place / "programtarget"))
    os.utime(target, (1, 1_000_000_000))
    with Daemon(place, engine, sections(place)) as daemon:
        launch([str(target)]).wait()
        launch([str(target)]).wait()
        (first,) = wait_for_programs(daemon, target, 1)
        status = target.stat()
        assert (first["reason"], first["size"], first["exe_uid"]) == ("first", status.st_size, 0)
        assert first["exe_ino"] == str(status.st_ino)
        assert first["modified"] == "2001-09-09T01:46:40.000000000Z"
        assert first["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
        assert "package" not in first

        with target.open("ab") as file:
            file.write(b"\0")
        launch([str(target)]).wait()
        launch([str(target)]).wait()
        _, changed = wait_for_programs(daemon, target, 2)
        assert (changed["reason"], changed["size"]) == ("changed", first["size"] + 1)
        assert changed["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
        daemon.settle(programs / "tiny")
        daemon.stop()
    (seen, *_) = [r for r in daemon.of_type("exec") if r.get("filename") == str(target)]
    for name in ("exe", "exe_ino", "exe_dev"):
        assert seen[name] == first[name]
    assert len(programs_of(daemon, target)) == 2


def test_program_of_a_package_names_it(engine: str, place: Path) -> None:
    if not Path("/var/lib/dpkg/info").is_dir():
        return
    program = Path("/usr/bin/nproc")
    with Daemon(place, engine, sections(place)) as daemon:
        launch([str(program)]).wait()
        (found,) = wait_for_programs(daemon, program, 1)
        daemon.stop()
    assert found["package"] == "coreutils"


def test_what_cannot_be_read_says_so(engine: str, programs: Path, place: Path) -> None:
    jail = place / "jail"
    inside = jail / "inside"
    jail.mkdir()
    gone = place / "gone"
    for file in (inside, gone):
        shutil.copy(programs / "tiny", file)

    def remove_after_opening() -> None:
        fd = os.open(gone, os.O_PATH)
        gone.unlink()
        os.set_inheritable(fd, True)
        os.chdir("/")
        os.execve(fd, ["gone"], {})  # noqa: S606 - a file that has no name any more

    with Daemon(place, engine, sections(place)) as daemon:
        launch(["/inside"], setup=lambda: os.chroot(jail)).wait()
        launch(["gone"], setup=remove_after_opening).wait()
        wait_until(
            lambda: len([r for r in all_programs(daemon) if "gone" in r.get("exe", "")]) == 1
        )
        elsewhere = wait_for_programs(daemon, Path("/inside"), 1)
        daemon.stop()
    (removed,) = [r for r in all_programs(daemon) if "gone" in r.get("exe", "")]
    for found in (*elsewhere, removed):
        assert found["unreadable"] == ["modified", "sha256", "package"]
        assert found["size"] == (programs / "tiny").stat().st_size
        assert "sha256" not in found
    assert elsewhere[0]["other_root"] is True


def test_programs_that_wait_at_the_end_have_their_records(
    engine: str, programs: Path, place: Path
) -> None:
    targets = [Path(shutil.copy(programs / "tiny", place / f"program{n}")) for n in range(100)]
    with Daemon(place, engine, sections(place)) as daemon:
        for target in targets:
            launch([str(target)]).wait()
        daemon.stop()
    for target in targets:
        assert len(programs_of(daemon, target)) == 1


def test_no_records_where_they_are_switched_off(engine: str, programs: Path, place: Path) -> None:
    target = Path(shutil.copy(programs / "tiny", place / "programtarget"))
    off = {"baseline": {**sections(place)["baseline"], "programs": False}}
    with Daemon(place, engine, off) as daemon:
        launch([str(target)]).wait()
        daemon.settle(programs / "tiny")
        daemon.configure(sections(place))
        assert daemon.call("reload").returncode == 0
        other = Path(shutil.copy(target, place / "other"))
        launch([str(other)]).wait()
        wait_for_programs(daemon, other, 1)
        daemon.stop()
    assert programs_of(daemon, target) == []
