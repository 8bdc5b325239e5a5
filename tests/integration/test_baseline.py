# SPDX-License-Identifier: Apache-2.0
"""The baseline of a daemon: what it says is new, over restarts and kills, and its verbs."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon, DescriptorStore, wait_until
from tests.integration.launching import launch
from tests.integration.requirements import CHECKOUT, PYTHON

RULES = """
[[rule]]
name = "new program"
action = "label"
labels = ["new"]
severity = "warning"
first_seen = "exe"
"""


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """A program that nobody else runs."""
    return Path(shutil.copy(programs / "tiny", place / "baselinetarget"))


def sections(place: Path, learning: str = "0s") -> dict[str, dict[str, object]]:
    path = str(place / "baseline")
    return {"baseline": {"enabled": True, "path": path, "learning": learning}}


def run(target: Path, word: str, setup: Callable[[], None] | None = None) -> None:
    launch([str(target), word], setup=setup).wait()


def call(daemon: Daemon, verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `execaudit baseline VERB`."""
    options = ["--config", str(daemon.config), *words]
    command = [PYTHON, "-m", "execaudit", "baseline", verb, *options]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False, text=True)


def said(daemon: Daemon, target: Path) -> dict[str, list[str] | None]:
    """Return what each exec of a program was said to be new in, by its argument."""
    records = [r for r in daemon.of_type("exec") if r.get("filename") == str(target)]
    return {r["argv"][1]: r.get("first_seen") for r in records}


def test_each_respect_is_said_once(engine: str, programs: Path, place: Path, target: Path) -> None:
    def become_nobody() -> None:
        os.setuid(65534)

    def become_child_of_another() -> None:
        Path("/proc/self/comm").write_text("otherparent7")
        if os.fork():
            os.wait()
            os._exit(0)

    with Daemon(place, engine, sections(place), RULES) as daemon:
        run(target, "first")
        run(target, "again")
        run(target, "other user", become_nobody)
        run(target, "other parent", become_child_of_another)
        run(target, "same parent", become_child_of_another)
        with target.open("ab") as file:  # the same inode, the same name
            file.write(b"\0")
        run(target, "other content")
        run(target, "other content again")
        daemon.settle(programs / "tiny")
        daemon.stop()
        records = daemon.of_type("exec")

    assert said(daemon, target) == {
        "first": ["exe", "pair", "user"],
        "again": None,
        "other user": ["user"],
        "other parent": ["pair"],
        "same parent": None,
        "other content": ["file"],
        "other content again": None,
    }
    labels = {r["argv"][1]: r.get("labels") for r in records if r.get("filename") == str(target)}
    assert [word for word, given in labels.items() if given == ["new"]] == ["first"]


def test_scripts_are_known_by_their_own_path(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    scripts = [place / "one", place / "two"]
    for script in scripts:
        script.write_text(f"#!{target}\n")
        script.chmod(0o755)
    with Daemon(place, engine, sections(place)) as daemon:
        run(scripts[0], "absolute")
        launch(["./one", "relative"], setup=lambda: os.chdir(place)).wait()
        run(scripts[1], "another")
        daemon.settle(programs / "tiny")
        daemon.stop()
    found = [r.get("first_seen") for r in daemon.of_type("exec") if r.get("exe") == str(target)]
    assert found == [["exe", "file", "pair", "user"], None, ["exe", "pair", "user"]]


def test_same_path_in_another_root_is_another_program(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    jail = place / "jail"
    inside = jail / str(target).lstrip("/")
    inside.parent.mkdir(parents=True)
    shutil.copy(target, inside)

    with Daemon(place, engine, sections(place)) as daemon:
        run(target, "host")
        run(target, "jail", lambda: os.chroot(jail))
        run(target, "jail again", lambda: os.chroot(jail))
        run(target, "host again")
        daemon.settle(programs / "tiny")
        daemon.stop()
    whole = ["exe", "pair", "user"]
    assert said(daemon, target) == {
        "host": whole, "jail": whole, "jail again": None, "host again": None,
    }  # fmt: skip


def test_what_was_seen_is_known_after_a_kill_and_a_stop(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    daemon = Daemon(place, engine, sections(place), store=DescriptorStore())
    with daemon:
        run(target, "first")
        daemon.settle(programs / "tiny")
        daemon.status()  # the checkpoint is written after the file
        daemon.kill()
        daemon.start()
        run(target, "after kill")
        daemon.settle(programs / "tiny")
        daemon.stop()
        daemon.start()
        run(target, "after stop")
        daemon.settle(programs / "tiny")
        daemon.stop()
    assert said(daemon, target) == {
        "first": ["exe", "pair", "user"], "after kill": None, "after stop": None,
    }  # fmt: skip


def test_learning_says_nothing_and_remembers(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    with Daemon(place, engine, sections(place, "1d"), RULES) as daemon:
        run(target, "learning")
        daemon.settle(programs / "tiny")
        assert daemon.status()["baseline"]["is_learning"] is True
        daemon.configure(sections(place), RULES)
        assert daemon.call("reload").returncode == 0
        run(target, "known")
        other = Path(shutil.copy(target, place / "other"))
        run(other, "new")
        daemon.settle(programs / "tiny")
        assert daemon.status()["baseline"]["is_learning"] is False
        daemon.stop()
    assert said(daemon, target) == {"learning": None, "known": None}
    assert said(daemon, other) == {"new": ["exe", "pair", "user"]}


def test_without_a_baseline_nothing_is_said_and_nothing_is_kept(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    with Daemon(place, engine, rules=RULES) as daemon:
        run(target, "first")
        daemon.settle(programs / "tiny")
        assert "baseline" not in daemon.status()
        daemon.stop()
    assert said(daemon, target) == {"first": None}
    assert not (place / "baseline").exists()


def test_damaged_file_is_said_and_the_daemon_goes_on_in_memory(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    (place / "baseline").write_bytes(b"something else" * 1000)
    with Daemon(place, engine, sections(place)) as daemon:
        run(target, "first")
        run(target, "again")
        daemon.settle(programs / "tiny")
        assert daemon.status()["baseline"]["is_saved"] is False
        daemon.stop()
    assert said(daemon, target) == {"first": ["exe", "pair", "user"], "again": None}
    assert "it is none, or damaged, going on with an empty one in memory" in daemon.stderr
    assert (place / "baseline").read_bytes().startswith(b"something else")


def test_verbs_show_forget_export_and_import(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    exported = place / "golden"
    with Daemon(place, engine, sections(place)) as daemon:

        def show(*options: str) -> dict[str, object]:
            answer = call(daemon, "show", "--json", *options)
            assert answer.returncode == 0, answer.stderr
            return dict(json.loads(answer.stdout))

        def change(verb: str, *words: str) -> None:
            before = daemon.status()["reload"].get("count", 0)
            answer = call(daemon, verb, *words)
            assert answer.returncode == 0, answer.stderr
            assert daemon.call("reload").returncode == 0
            wait_until(lambda: daemon.status()["reload"]["count"] > before)

        run(target, "first")
        daemon.settle(programs / "tiny")
        assert show()["known"]["exe"] >= 2  # type: ignore[index]
        known = show(str(target))
        assert (known["parents"], known["users"]) == (1, 1)
        assert call(daemon, "export", str(exported)).returncode == 0

        change("forget", str(target))
        assert show(str(target)) == {"program": str(target), "last_seen": None}
        run(target, "forgotten")
        daemon.settle(programs / "tiny")

        change("forget", "--all")
        run(target, "all forgotten")
        daemon.settle(programs / "tiny")
        refused = call(daemon, "import", str(exported))
        assert refused.returncode == 1
        assert "--replace" in refused.stderr
        change("import", "--replace", str(exported))
        daemon.configure(sections(place, "1d"))
        assert daemon.call("reload").returncode == 0
        run(target, "imported")
        daemon.settle(programs / "tiny")
        daemon.stop()
    whole = ["exe", "file", "pair", "user"]
    assert {word: set(given or ()) <= set(whole) and bool(given)
            for word, given in said(daemon, target).items()} == {
        "first": True, "forgotten": True, "all forgotten": True, "imported": False,
    }  # fmt: skip
    assert (place / "baseline").stat().st_mode & 0o777 == 0o600


def test_import_learns_files_again_and_says_what_else_is_new(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    host = place / "host"
    host.mkdir()
    with Daemon(place, engine, sections(place)) as golden:
        run(target, "first")
        golden.settle(programs / "tiny")
        golden.stop()
    exported = place / "golden"
    assert call(golden, "export", str(exported)).returncode == 0
    # As on a host on which the same packages were installed at another time, two days later.
    content = bytearray(exported.read_bytes())
    content[48:56] = (int(time.time()) - 2 * 86400).to_bytes(8, "little")
    exported.write_bytes(content)
    os.utime(shutil.copy(target, place / "copy"))
    (place / "copy").replace(target)
    with Daemon(host, engine, sections(host, "1d")) as daemon:
        answer = call(daemon, "import", "--replace", str(exported))
        assert answer.returncode == 0, answer.stderr
        assert daemon.call("reload").returncode == 0
        run(target, "known")
        run(Path(shutil.copy(target, place / "added")), "new")
        daemon.settle(programs / "tiny")
        daemon.stop()
    assert said(daemon, target) == {"known": None}
    assert said(daemon, place / "added") == {"new": ["exe", "pair", "user"]}
