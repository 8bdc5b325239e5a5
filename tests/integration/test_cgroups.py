# SPDX-License-Identifier: Apache-2.0
"""Cgroups, and the unit, slice, session, container and pod that their names tell."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.comparing import assert_same, has_old_cgroups
from tests.integration.launching import own_comm
from tests.integration.requirements import give_up
from tests.integration.surroundings import OWN_CGROUP, cgroup, enter_cgroup
from tests.integration.tracing import ROOMY_RING, Record, Tracer, execs_of

ID = "0123456789abcdef" * 4
POD = "3f2b8c1e-9a4d-4c55-8e0b-6d7f1a2b3c4d"
POD_UNIT = f"pod{POD}".replace("-", "_")
NOTHING: dict[str, Any] = dict.fromkeys(("unit", "slice", "session", "container", "pod"))


def run_in(tracer: Tracer, programs: Path, path: str, **differences: Any) -> Record:
    with cgroup(path) as directory:
        argv = [str(programs / "selfdump")]
        child, records = tracer.during(
            lambda: tracer.run(argv, setup=partial(enter_cgroup, directory))
        )
        (record,) = execs_of(records, child.pid)
        assert_same(record, child.truth, old_comm=own_comm(), **differences)
    return record


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("OWN", {}),
        ("OWN/a/b/c/d", {}),
        ("/system.slice/xt.service", {"unit": "xt.service", "slice": "system.slice"}),
        ("/system.slice/xt.service/below", {"unit": "xt.service", "slice": "system.slice"}),
        (
            "/system.slice/system-xt.slice/xt@1.service",
            {"unit": "xt@1.service", "slice": "system-xt.slice"},
        ),
        (
            "/user.slice/user-4321.slice/session-77.scope",
            {"unit": "session-77.scope", "slice": "user-4321.slice", "session": "77"},
        ),
        (
            f"/system.slice/docker-{ID}.scope",
            {"unit": f"docker-{ID}.scope", "slice": "system.slice", "container": ID},
        ),
        (
            f"/machine.slice/libpod-{ID}.scope/container",
            {"unit": f"libpod-{ID}.scope", "slice": "machine.slice", "container": ID},
        ),
        (f"/docker/{ID}", {"container": ID}),
        (
            f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD_UNIT}.slice"
            f"/cri-containerd-{ID}.scope",
            {
                "unit": f"cri-containerd-{ID}.scope",
                "slice": f"kubepods-burstable-{POD_UNIT}.slice",
                "container": ID,
                "pod": POD,
            },
        ),
        (f"/kubepods/burstable/pod{POD}/{ID}", {"container": ID, "pod": POD}),
    ],
)
def test_names_are_taken_from_the_path(
    tracer: Tracer, programs: Path, path: str, names: dict[str, str]
) -> None:
    path = path.replace("OWN", OWN_CGROUP)
    record = run_in(tracer, programs, path, **NOTHING | names)
    assert record["cgroup"] == path


def test_name_that_only_looks_like_a_container_is_not_one(tracer: Tracer, programs: Path) -> None:
    run_in(tracer, programs, f"{OWN_CGROUP}/{ID[:-1]}", **NOTHING)


def test_root_cgroup(tracer: Tracer, programs: Path) -> None:
    record = run_in(tracer, programs, "/", **NOTHING)
    assert record.get("cgroup") == (None if has_old_cgroups() else "/")


def test_name_that_is_not_utf8_rides_along(tracer: Tracer, programs: Path) -> None:
    name = os.fsdecode(b"execaudit-\xff")
    shown = {"cgroup": "/execaudit-�", "cgroup_b64": "L2V4ZWNhdWRpdC3/"}
    run_in(tracer, programs, f"/{name}", **shown)


def test_deeply_nested_cgroup_is_whole(tracer: Tracer, programs: Path) -> None:
    path = OWN_CGROUP + "/level" * 20
    assert run_in(tracer, programs, path)["cgroup"] == path


def test_cgroup_deeper_than_can_be_read_is_cut_and_marked(tracer: Tracer, programs: Path) -> None:
    path = OWN_CGROUP + "".join(f"/{'x' * 90}{i}" for i in range(34))
    with cgroup(path) as directory:
        argv = [str(programs / "selfdump")]
        child, records = tracer.during(
            lambda: tracer.run(argv, setup=partial(enter_cgroup, directory))
        )
        (record,) = execs_of(records, child.pid)
        shown = record["cgroup"]
        assert shown.startswith("…/")
        assert path.endswith(shown[1:])
        mark = record["truncated"]
        assert mark["cgroup"] is True
        assert_same(record, child.truth, old_comm=own_comm(), cgroup=shown, truncated=mark)


@pytest.fixture
def named_hierarchy(place: Path) -> Iterator[Path]:
    """The hierarchy that systemd has to itself on hosts with groups of version 1."""
    top = place / "named"
    top.mkdir()
    options = ["-t", "cgroup", "-o", "none,name=systemd", "cgroup", str(top)]
    if subprocess.run(["mount", *options], check=False).returncode:
        give_up("this kernel mounts no hierarchy of version 1")
    try:
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


@pytest.mark.parametrize(
    ("named", "unified", "shown"),
    [
        ("/system.slice/xt.service", "/", {"unit": "xt.service", "slice": "system.slice"}),
        (f"/docker/{ID}", "/system.slice/docker.service", {"container": ID}),
        ("/", "/system.slice/xt.service", {"unit": "xt.service", "slice": "system.slice"}),
        # Of a container whose systemd has version 2 alone.
        ("/box/payload", "/box/payload/system.slice/xt.service", {}),
        ("/", "/", {}),
    ],
)
def test_deeper_group_of_both_hierarchies_is_the_one_that_counts(
    engine: str,
    programs: Path,
    named_hierarchy: Path,
    named: str,
    unified: str,
    shown: dict[str, str],
) -> None:
    with (
        cgroup(named, named_hierarchy) as own,
        cgroup(unified) as other,
        Tracer(engine, programs / "tiny", *ROOMY_RING) as tracer,
    ):

        def enter() -> None:
            enter_cgroup(own)
            enter_cgroup(other)

        child, records = tracer.during(
            lambda: tracer.run([str(programs / "selfdump")], setup=enter)
        )
        (record,) = execs_of(records, child.pid)
        is_named = named != "/" and named.count("/") >= unified.count("/")
        directory = own if is_named else other
        seen = {"cgroup_id": str(directory.stat().st_ino), **NOTHING, **shown}
        assert_same(record, child.truth, old_comm=own_comm(), **seen)
    assert record["cgroup"] == (named if is_named else unified)


def test_killed_cgroup_is_cleared_away() -> None:
    """The fixtures leave nothing: what they make, they remove."""
    with cgroup(f"{OWN_CGROUP}/once") as directory:
        top = directory.parent
        assert top.is_dir()
    assert not top.exists()
