# SPDX-License-Identifier: Apache-2.0
"""Reloading: a good configuration takes over in one step, a bad one changes nothing.

The sums are exact while rules alternate in a storm: what was written, dropped and lost is what the
programs of the test did.
"""

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon, last_words, wait_until
from tests.integration.launching import OUTPUT_FD, Child, launch
from tests.integration.requirements import ENGINES, STORM_EXECS
from tests.integration.totals import assert_totals_fit

RELOADS = 30
one_engine = pytest.mark.parametrize("engine", ENGINES[:1])


def label(name: str) -> str:
    return f'[[rule]]\naction = "label"\nlabels = ["{name}"]\ntype = "exec"\n'


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """A program that nobody else runs, with a name that nothing else has."""
    return Path(shutil.copy(programs / "tiny", place / "reloadtarget"))


def test_good_reload_is_recorded_with_both_hashes(engine: str, programs: Path, place: Path) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine, rules=label("first")) as daemon:
        launch([tiny, "under-first"]).wait()
        daemon.settle(programs / "tiny")
        daemon.configure({}, label("second"))
        answer = daemon.call("reload")
        launch([tiny, "under-second"]).wait()
        daemon.stop()
        (start,), (config,) = daemon.of_type("start"), daemon.of_type("config")
        execs = [r for r in daemon.of_type("exec") if r.get("filename") == tiny]
        labels = {r["argv"][-1]: r["labels"] for r in execs}
    assert (answer.returncode, answer.stderr) == (0, "")
    assert config["old_hash"] == start["config_hash"]
    assert config["config_hash"] != config["old_hash"]
    assert labels["under-first"] == ["first"]
    assert labels["under-second"] == ["second"]


@pytest.mark.parametrize(
    ("sections", "rules", "file", "line"),
    [
        ({}, '[[rule]]\naction = "melt"\nuid = 0\n', "rules.d/10-test.toml", 2),
        ({"file": {"max_file_bytes": "lots"}}, "", "execaudit.toml", None),
    ],
    ids=["rules", "configuration"],
)
def test_bad_reload_says_why_and_leaves_the_old_rules_in_force(
    place: Path,
    programs: Path,
    sections: dict[str, dict[str, object]],
    rules: str,
    file: str,
    line: int | None,
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, "auto", rules=label("old")) as daemon:
        before = daemon.status()
        daemon.configure(sections, rules)
        answer = daemon.call("reload")
        launch([tiny, "after-bad"]).wait()
        daemon.settle(programs / "tiny")
        after = daemon.status()
        log = daemon.stderr
        daemon.stop()
        execs = [r for r in daemon.of_type("exec") if r.get("filename") == tiny]
        labels = [r["labels"] for r in execs if r["argv"][-1] == "after-bad"]
        configs = daemon.of_type("config")
    where = f"{place / file}:{line or ''}"
    assert answer.returncode == 1
    assert where in answer.stderr
    assert where in log
    assert "keeping the old configuration" in log
    assert labels == [["old"]]
    assert configs == []
    assert after["config_hash"] == before["config_hash"]
    assert after["reload"]["result"] != "ok"


@one_engine
def test_reload_without_a_status_file_checks_first(
    engine: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"status": {"path": ""}}
    with Daemon(place, engine, silent, label("first")) as daemon:
        by_hand = daemon.call("reload")
        monkeypatch.setenv("MAINPID", str(daemon.running.pid))
        daemon.configure(silent, '[[rule]]\naction = "melt"\nuid = 0\n')
        bad = daemon.call("reload")
        daemon.configure(silent, label("second"))
        good = daemon.call("reload")
        daemon.wait_for_notice("RELOADING=1")
        wait_until(lambda: len(daemon.of_type("config")) == 1)
        assert daemon.call("status").returncode == 1
        said = daemon.stderr
    assert by_hand.returncode == 1
    assert "there is no status file (status.path)" in by_hand.stderr
    assert bad.returncode == 1
    assert "rules.d/10-test.toml:2:" in bad.stderr
    assert "The old configuration stays in force" in bad.stderr
    assert "keeping the old configuration" not in said
    assert (good.returncode, good.stderr) == (0, "")


@one_engine
def test_hits_of_rules_that_stay_are_counted_on_through_a_reload(
    engine: str, programs: Path, place: Path
) -> None:
    shutil.copy(programs / "tiny", place / "hitbykernel")
    shutil.copy(programs / "tiny", place / "hitbydaemon")
    stays = (
        '[[rule]]\nname = "kernel"\naction = "drop"\ncomm = "hitbykernel"\n'
        '[[rule]]\nname = "daemon"\naction = "drop"\ncomm = "hitbydaem*"\n'
    )
    with Daemon(place, engine, rules=stays) as daemon:
        for rules in ("", label("one"), label("one") + label("two"), ""):
            daemon.configure({}, rules + stays)
            assert daemon.call("reload").returncode == 0
            for name in ("hitbykernel", "hitbydaemon"):
                launch([str(place / name)]).wait()
            daemon.settle(programs / "tiny")
        hits = daemon.status()["rules"]
        daemon.configure({}, stays.replace("hitbykernel", "hitbynobody"))
        assert daemon.call("reload").returncode == 0
        after = daemon.status()["rules"]
    assert hits["kernel"] == {"hits": 4, "kernel_hits": 4}
    assert hits["daemon"] == {"hits": 4, "kernel_hits": 0}
    assert after["kernel"] == {"hits": 0, "kernel_hits": 0}
    assert after["daemon"]["hits"] == 4


def test_new_path_of_the_file_takes_over_with_nothing_missing(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine) as daemon:
        for number in range(20):
            launch([tiny, f"number-{number}"]).wait()
        daemon.configure({"file": {"path": str(daemon.log.with_name("second.jsonl"))}})
        assert daemon.call("reload").returncode == 0
        for number in range(20, 40):
            launch([tiny, f"number-{number}"]).wait()
        daemon.stop()
        words = last_words(daemon.of_type("exec"), tiny)
    numbers = sorted(int(word[7:]) for word in words if word.startswith("number-"))
    assert numbers == list(range(40))


def test_alternating_rules_in_a_storm_lose_and_mix_nothing(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    # Either rule set drops the target by a rule that the kernel decides, or keeps and labels it
    # twice, by two rules: a mixture would drop one that has a label, or give only one of two.
    name = target.name[:15]
    drops = f'[[rule]]\nname = "noise"\naction = "drop"\ncomm = "{name}"\n'
    both = label("one") + label("two")

    def start_storm() -> Child:
        argv = [str(programs / "storm"), str(STORM_EXECS // 5), "vfork", str(target)]
        return launch(argv, setup=answer_to_stdout)

    storms: list[Child] = []
    with Daemon(place, engine, rules=drops) as daemon:
        try:
            storms.append(start_storm())
            for number in range(RELOADS):
                if not storms[-1].is_running:
                    storms.append(start_storm())
                daemon.configure({}, both if number % 2 == 0 else drops)
                daemon.running.send_signal(signal.SIGHUP)
                wait_until(
                    lambda count=number + 1: reloads(daemon) == count,  # type: ignore[misc]
                    lambda: f"{daemon.status_file.read_text()} {daemon.stderr}",
                )
            for storm in storms:
                assert storm.wait() == 0
        finally:
            for storm in storms:
                storm.kill()
        made = sum(int(storm.answer.split()[0]) for storm in storms)
        daemon.settle(programs / "tiny")
        stop = daemon.stop()
        records = daemon.records()
    of_target = [r for r in records if r["type"] == "exec" and r.get("filename") == str(target)]
    assert made == len(storms) * (STORM_EXECS // 5)
    assert len([r for r in records if r["type"] == "config"]) == RELOADS
    assert_totals_fit(records, stop)
    # Others' execs are never dropped: what was, was of the storm.
    assert len(of_target) + stop["dropped"] + stop["lost"] >= made
    assert len(of_target) + stop["dropped"] <= made
    assert stop["dropped"] > 0
    assert of_target
    assert all(n == 1 for n in Counter(r["id"] for r in of_target).values())
    assert {tuple(r.get("labels", ())) for r in of_target} == {("one", "two")}


def reloads(daemon: Daemon) -> int:
    """How many the daemon says it has done, all of them well."""
    reload = json.loads(daemon.status_file.read_bytes()).get("reload", {})
    assert reload.get("result", "ok") == "ok"
    return int(reload.get("count", 0))


def answer_to_stdout() -> None:
    os.dup2(OUTPUT_FD, 1)


def test_reload_says_what_does_nothing_yet(engine: str, place: Path) -> None:
    (place / "link").symlink_to("/usr/bin/true")
    rules = f'[[rule]]\naction = "drop"\nexe = "{place}/link"\n'
    with Daemon(place, engine) as daemon:
        daemon.configure({"capture": {"exits": True}}, rules)
        answer = daemon.call("reload")
    assert answer.returncode == 0
    restart, link = answer.stderr.splitlines()
    assert restart == "A change in [capture] takes effect when execaudit is restarted"
    assert "10-test.toml:3:1: rule[0].exe: note: " in link
