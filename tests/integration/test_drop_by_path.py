# SPDX-License-Identifier: Apache-2.0
"""A rule that drops by a path drops no program that somebody has put there for himself."""

import os
import select
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.surroundings import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_BIND,
    MS_PRIVATE,
    MS_REC,
    enter_mount_namespace,
    mount,
    unmount_lazily,
    unshare,
)
from tests.integration.tracing import Record

DROP = '[[rule]]\nname = "noise"\naction = "drop"\n'
NOBODY = 65534


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """The program that a rule drops. Of two names, so that the kernel has no key for it."""
    target = Path(shutil.copy(programs / "tiny", place / f"target-{os.getpid()}")).resolve()
    (place / "second-name").hardlink_to(target)
    return target


def records_of(
    engine: str, programs: Path, place: Path, rules: str, *actions: Callable[[], object]
) -> list[Record]:
    """Return all that the daemon wrote of some actions."""
    with Daemon(place, engine, rules=rules) as daemon:
        for action in actions:
            action()
        daemon.settle(programs / "tiny")
        daemon.stop()
        return daemon.records()


def marks(records: list[Record]) -> list[str]:
    """Return the last argument of each exec that begins with "run-"."""
    words = [record["argv"][-1] for record in records if record.get("argv")]
    return [word for word in words if word.startswith("run-")]


def run(path: Path | str, mark: str, setup: Callable[[], None] | None = None) -> None:
    assert launch([str(path), f"run-{mark}"], setup=setup).wait() == 0


def test_program_put_there_in_a_namespace_of_its_own_is_not_dropped(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    evil = shutil.copy(programs / "tiny", place / "evil")

    def bind() -> None:
        mount(str(evil), target, None, MS_BIND)

    def as_root() -> None:
        enter_mount_namespace()
        bind()

    def as_anybody() -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        unshare(CLONE_NEWUSER | CLONE_NEWNS)
        mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
        bind()

    place.chmod(0o755)
    records = records_of(
        engine,
        programs,
        place,
        f'{DROP}exe = "{target}"\n',
        lambda: run(target, "real"),
        lambda: run(target, "bound", as_root),
        lambda: run(target, "unprivileged", as_anybody),
    )
    assert marks(records) == ["run-bound", "run-unprivileged"]
    assert all(r["other_root"] for r in records if r.get("argv", [""])[-1].startswith("run-"))


def test_program_of_the_same_path_in_another_root_is_not_dropped(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    jail = place / "jail"
    inside = jail / str(target)[1:]
    inside.parent.mkdir(parents=True)
    shutil.copy(programs / "tiny", inside)

    def enter_jail() -> None:
        os.chroot(jail)
        os.chdir("/")

    def enter_detached() -> None:
        enter_mount_namespace()
        mount("none", place, "tmpfs")
        inside.parent.mkdir(parents=True)
        os.chdir(jail)
        shutil.copy(f"/proc/self/fd/{source}", inside)
        unmount_lazily(place)
        os.chroot(".")

    source = os.open(programs / "tiny", os.O_RDONLY)
    os.set_inheritable(source, True)
    records = records_of(
        engine,
        programs,
        place,
        f'{DROP}exe = "{target}"\n',
        lambda: run(target, "jail", enter_jail),
        lambda: run(target, "detached", enter_detached),
    )
    os.close(source)
    assert marks(records) == ["run-jail", "run-detached"]


def test_rule_that_says_where_it_holds_drops_there(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    records = records_of(
        engine,
        programs,
        place,
        f'{DROP}exe = "{target}"\nexe_uid = {target.stat().st_uid}\n',
        lambda: run(target, "real"),
        lambda: run(target, "elsewhere", enter_mount_namespace),
    )
    assert marks(records) == []


def test_file_that_the_kernel_compares_is_dropped_wherever_it_is_seen(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    (place / "second-name").unlink()
    records = records_of(
        engine,
        programs,
        place,
        f'{DROP}exe = "{target}"\n',
        lambda: run(target, "real"),
        lambda: run(target, "elsewhere", enter_mount_namespace),
    )
    assert marks(records) == []


def test_parent_that_runs_what_it_has_put_there_itself_drops_nothing(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    """The child was forked before: its own root is the host's."""

    def run_below_fake_parent() -> None:
        ready, go = os.pipe(), os.pipe()
        parent = os.fork()
        if parent == 0:
            if os.fork() == 0:
                os.close(ready[1])
                os.read(go[0], 1)  # until the parent runs something else
                os.execv(programs / "tiny", ["tiny", "run-child"])  # noqa: S606
            enter_mount_namespace()
            mount(str(shutil.which("sleep")), target, None, MS_BIND)
            os.set_inheritable(ready[1], False)
            os.execv(target, [str(target), "600"])  # noqa: S606
        os.close(ready[1])
        os.read(ready[0], 1)  # closed by the exec
        os.write(go[1], b"x")
        wait_for_child_of(parent)
        os.kill(parent, 9)
        os.waitpid(parent, 0)
        for fd in (ready[0], *go):
            os.close(fd)

    records = records_of(
        engine, programs, place, f'{DROP}parent.exe = "{target}"\n', run_below_fake_parent
    )
    assert marks(records) == ["run-child"]


def wait_for_child_of(pid: int) -> None:
    """Wait until the only child of a process has ended."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fd = os.pidfd_open(int(child))
    select.select([fd], [], [])
    os.close(fd)
