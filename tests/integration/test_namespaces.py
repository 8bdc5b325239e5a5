# SPDX-License-Identifier: Apache-2.0
"""Inside chroots and namespaces, records tell what the host's administrator needs to know."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.comparing import assert_same
from tests.integration.launching import own_comm
from tests.integration.surroundings import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    cgroup,
    cgroup_directory,
    enter_cgroup,
    enter_mount_namespace,
    mount,
    unmount_lazily,
    unshare,
)
from tests.integration.tracing import Record, Tracer, execs_of

KINDS = {
    "mnt": CLONE_NEWNS,
    "uts": CLONE_NEWUTS,
    "ipc": CLONE_NEWIPC,
    "net": CLONE_NEWNET,
    "cgroup": CLONE_NEWCGROUP,
}


def run_in(
    tracer: Tracer, argv: list[str], setup: Callable[[], None], **differences: Any
) -> Record:
    child, records = tracer.during(lambda: tracer.run(argv, setup=setup))
    truth = child.truth
    record = execs_of(records, truth.pid)[-1]
    assert_same(record, truth, **{"old_comm": own_comm(), **differences})
    return record


def own_namespace(kind: str) -> int:
    return Path(f"/proc/self/ns/{kind}").stat().st_ino


@pytest.mark.parametrize("kind", KINDS)
def test_new_namespace_is_told_from_the_old(tracer: Tracer, programs: Path, kind: str) -> None:
    own_cgroup = next(
        line[3:]
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.startswith("0::")
    )
    # In a cgroup namespace of its own, a process takes its cgroup for the root.
    record = run_in(
        tracer,
        [str(programs / "selfdump")],
        partial(unshare, KINDS[kind]),
        **host_cgroup(own_cgroup),
    )
    assert record["ns"][kind] != own_namespace(kind)
    assert {k: v for k, v in record["ns"].items() if k != kind} == {
        k: own_namespace(k) for k in record["ns"] if k != kind
    }


def host_cgroup(path: str) -> Record:
    inode = cgroup_directory(path).stat().st_ino
    return {"cgroup": path, "cgroup_id": str(inode)}


def test_cgroup_is_told_from_the_host_inside_a_cgroup_namespace(
    tracer: Tracer, programs: Path
) -> None:
    with cgroup("/execaudit-test.slice/inner") as directory:

        def enter() -> None:
            enter_cgroup(directory)
            unshare(CLONE_NEWCGROUP)

        where = "/execaudit-test.slice/inner"
        record = run_in(tracer, [str(programs / "selfdump")], enter, **host_cgroup(where))
        assert record["cgroup"] == where


def test_pid_namespace_gives_both_pids(tracer: Tracer, programs: Path) -> None:
    argv = [str(programs / "execute"), "fork", str(programs / "selfdump"), "x"]
    record = run_in(tracer, argv, partial(unshare, CLONE_NEWPID), old_comm="execute")
    assert record["nspid"] == 1
    assert record["pid"] != 1
    assert record["ns"]["pid"] != own_namespace("pid")


def test_user_namespace_without_a_map_gives_host_ids(tracer: Tracer, programs: Path) -> None:
    ids = dict.fromkeys(("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid"), 0)
    owner = {"exe_uid": 0, "exe_gid": 0, "user": "root"}
    record = run_in(
        tracer, [str(programs / "selfdump")], partial(unshare, CLONE_NEWUSER), **ids, **owner
    )
    assert record["ns"]["user"] != own_namespace("user")


def test_root_of_a_user_namespace_is_told_as_the_user_it_is(tracer: Tracer, programs: Path) -> None:
    def become_mapped_root() -> None:
        go, mapped = os.pipe(), os.pipe()
        if (helper := os.fork()) == 0:
            # Outside, where privilege over the ids is: write the map once the namespace is there.
            os.read(go[0], 1)
            Path(f"/proc/{os.getppid()}/uid_map").write_text("0 54321 1")
            os.write(mapped[1], b"x")
            os._exit(0)
        os.setresuid(54321, 54321, 54321)
        unshare(CLONE_NEWUSER)
        os.write(go[1], b"x")
        os.read(mapped[0], 1)
        os.waitpid(helper, 0)
        os.setresuid(0, 0, 0)

    ids = dict.fromkeys(("uid", "euid", "suid", "fsuid"), 54321)
    ids |= dict.fromkeys(("gid", "egid", "sgid", "fsgid"), 0)
    owner = {"exe_uid": 0, "exe_gid": 0, "user": None}
    record = run_in(tracer, [str(programs / "selfdump")], become_mapped_root, **ids, **owner)
    assert record["caps"]["effective"] not in ("", "0")


def test_chroot_gives_paths_from_its_root_and_the_root(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    root = make_jail(place, programs)

    def enter() -> None:
        os.chroot(root)
        os.chdir("/below")

    record = run_in(tracer, ["/bin/selfdump"], enter, root=str(root))
    assert (record["exe"], record["cwd"]) == ("/bin/selfdump", "/below")


def test_working_directory_outside_a_chroot_is_told(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    root = make_jail(place, programs)

    def enter() -> None:
        os.chdir(place)
        os.chroot(root)

    cwd = f"(unreachable){place}"
    run_in(tracer, ["/bin/selfdump"], enter, root=str(root), cwd=cwd)


def test_directory_of_the_root_reached_by_another_mount_is_outside_a_chroot(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    root = make_jail(place, programs)
    (place / "bound").mkdir()

    def enter() -> None:
        enter_mount_namespace()
        mount(str(root), place / "bound", None, MS_BIND)
        os.chdir(root)
        os.chroot(place / "bound")

    cwd = f"(unreachable){root}"
    run_in(tracer, ["/bin/selfdump"], enter, root=f"{place}/bound", cwd=cwd)


def test_paths_go_through_mounts(tracer: Tracer, programs: Path, place: Path) -> None:
    for name in ("memory", "bound"):
        (place / name).mkdir()

    def enter() -> None:
        enter_mount_namespace()
        mount("none", place / "memory", "tmpfs")
        (place / "memory" / "a" / "b").mkdir(parents=True)
        shutil.copy(programs / "selfdump", place / "memory" / "a" / "run")
        mount(str(place / "memory" / "a"), place / "bound", None, MS_BIND)
        os.chdir(place / "bound" / "b")

    record = run_in(tracer, ["../run"], enter)
    assert record["exe"] == f"{place}/bound/run"
    assert record["cwd"] == f"{place}/bound/b"
    assert record["filename"] == "../run"


def test_working_directory_that_is_a_mount(tracer: Tracer, programs: Path, place: Path) -> None:
    def enter() -> None:
        enter_mount_namespace()
        mount("none", place, "tmpfs")
        os.chdir(place)

    assert run_in(tracer, [str(programs / "selfdump")], enter)["cwd"] == str(place)


def test_working_directory_under_a_detached_mount(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    def enter() -> None:
        enter_mount_namespace()
        mount("none", place, "tmpfs")
        (place / "inside").mkdir()
        os.chdir(place / "inside")
        unmount_lazily(place)

    run_in(tracer, [str(programs / "selfdump")], enter, cwd="(unreachable)/inside")


def test_program_outside_of_a_chroot_is_marked(tracer: Tracer, programs: Path, place: Path) -> None:
    root = make_jail(place, programs)

    def enter() -> None:
        fd = os.open(programs / "selfdump", os.O_PATH)
        os.chroot(root)
        os.chdir("/")
        os.execve(fd, ["x"], {})  # noqa: S606

    child, records = tracer.during(lambda: tracer.run(["x"], setup=enter))
    record = execs_of(records, child.pid)[-1]
    assert record["exe"] == f"(unreachable){programs}/selfdump"
    assert (record["root"], record["other_root"]) == (str(root), True)


def test_root_on_a_detached_mount_is_given_and_marked(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    def enter() -> None:
        enter_mount_namespace()
        mount("none", place, "tmpfs")
        shutil.copy(programs / "selfdump", place / "selfdump")
        os.chdir(place)
        unmount_lazily(place)
        os.chroot(".")

    record = run_in(tracer, ["/selfdump"], enter, root="(unreachable)/")
    assert (record["exe"], record["cwd"]) == ("/selfdump", "/")


def test_everything_unshared_at_once(tracer: Tracer, programs: Path, place: Path) -> None:
    root = make_jail(place, programs)
    shutil.copy(programs / "execute", root / "bin")

    def enter() -> None:
        enter_mount_namespace()
        unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
        mount(str(root), root, None, MS_BIND)
        os.chroot(root)
        os.chdir("/")

    argv = ["/bin/execute", "fork", "/bin/selfdump", "x"]
    record = run_in(tracer, argv, enter, old_comm="execute", root=str(root))
    assert (record["exe"], record["nspid"]) == ("/bin/selfdump", 1)


def make_jail(place: Path, programs: Path) -> Path:
    root = place / "jail"
    for name in ("bin", "below"):
        (root / name).mkdir(parents=True)
    shutil.copy(programs / "selfdump", root / "bin")
    return root
