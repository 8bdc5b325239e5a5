# SPDX-License-Identifier: Apache-2.0
"""The daemon as the service manager runs it: start, files, status, signals, the end."""

import json
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon, last_words, wait_until
from tests.integration.launching import launch
from tests.integration.totals import assert_totals_fit
from tests.integration.tracing import Record, execs_of


def test_first_record_is_start_and_last_is_stop_with_exact_totals(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine) as daemon:
        pids = [launch([tiny, f"number-{number}"]) for number in range(50)]
        for child in pids:
            child.wait()
        stop = daemon.stop()
        records = daemon.records()
    start = records[0]
    assert start["type"] == "start"
    assert start["engine"] == engine
    assert start["pid"] == daemon.running.pid
    assert len(start["config_hash"]) == 64
    assert [r["argv"] for child in pids for r in execs_of(records, child.pid)] == [
        [tiny, f"number-{number}"] for number in range(50)
    ]
    assert stop["type"] == "stop"
    assert stop["pid"] == daemon.running.pid
    assert [r["type"] for r in records].count("stop") == 1
    assert_totals_fit(records, stop)


def test_status_tells_counts_and_sinks_of_the_running_daemon(
    engine: str, programs: Path, place: Path
) -> None:
    metrics = place / "execaudit.prom"
    sections = {"status": {"metrics": str(metrics), "interval": "1s"}}
    with Daemon(place, engine, sections) as daemon:
        for _ in range(20):
            launch([str(programs / "tiny")]).wait()
        wait_until(lambda: daemon.status()["sinks"]["file"]["written"] > 20)
        status = daemon.status()
        text = daemon.call("status")
        metrics_text = metrics.read_text()
        daemon.stop()
        after = daemon.call("status")
    assert status["pid"] == daemon.running.pid
    assert status["engine"] == engine
    assert status["events"]["seen"] >= 20
    assert status["sinks"]["file"]["path"] == str(daemon.log)
    assert status["process"]["resident_bytes"] > 1 << 20
    assert text.returncode == 0
    assert f"\nengine      {engine}; " in text.stdout
    assert re.search(rf"(?m)^file +[1-9][\d,]* .* works +{daemon.log}$", text.stdout)
    assert '\nexecaudit_sink_written_total{sink="file"} ' in metrics_text
    assert after.returncode == 1
    assert "not running" in after.stderr


def test_status_is_of_now_however_seldom_the_file_is_written(
    engine: str, programs: Path, place: Path
) -> None:
    with Daemon(place, engine, {"status": {"interval": "1h"}}) as daemon:
        before = json.loads(daemon.call("status", "--json").stdout)["events"]["seen"]
        for _ in range(20):
            launch([str(programs / "tiny")]).wait()
        after = json.loads(daemon.call("status", "--json").stdout)["events"]["seen"]
    assert after >= before + 20


def test_start_is_refused_with_every_problem_and_its_place(place: Path) -> None:
    daemon = Daemon(place, "auto", {"file": {"mode": "rw"}}, '[[rule]]\naction = "melt"\nuid = 0\n')
    try:
        answer = daemon.call("daemon")
    finally:
        daemon.__exit__()
    assert answer.returncode == 6
    assert f"{daemon.config}:" in answer.stderr
    assert f"{place}/rules.d/10-test.toml:2:" in answer.stderr
    assert not daemon.log.exists()


def test_protocol_of_the_service_manager_is_spoken(engine: str, place: Path) -> None:
    with Daemon(place, engine, environment={"WATCHDOG_USEC": "400000"}) as daemon:
        assert any(notice.startswith("STATUS=") for notice in daemon.notices)
        for _ in range(3):
            daemon.wait_for_notice("WATCHDOG=1")
        daemon.running.send_signal(signal.SIGHUP)
        came = daemon.wait_for_notice("RELOADING=1")
        assert any(notice.startswith("MONOTONIC_USEC=") for notice in came)
        if came[-1] != "READY=1" and "READY=1" not in came[came.index("RELOADING=1") :]:
            daemon.wait_for_notice("READY=1")
        daemon.running.send_signal(signal.SIGTERM)
        daemon.wait_for_notice("STOPPING=1")
        assert daemon.running.wait(30) == 0


@pytest.mark.parametrize("way", ["signal", "verb"])
def test_rotation_loses_nothing(engine: str, programs: Path, place: Path, way: str) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine) as daemon:
        for number in range(3):
            launch([tiny, f"before-{number}"]).wait()
            daemon.settle(programs / "tiny")
            count = len(daemon.files())
            if way == "signal":
                daemon.running.send_signal(signal.SIGUSR1)
            else:
                assert daemon.call("rotate").returncode == 0
            wait_until(lambda count=count: len(daemon.files()) > count)  # type: ignore[misc]
        stop = daemon.stop()
        records = daemon.records()
    assert_totals_fit(records, stop)
    words = [word for word in last_words(records, tiny) if word.startswith("before-")]
    assert words == [f"before-{number}" for number in range(3)]


def test_restart_after_sigkill_leaves_a_valid_file_and_names_the_last_record(
    engine: str, programs: Path, place: Path
) -> None:
    with Daemon(place, engine) as daemon:
        storm = subprocess.Popen(
            [programs / "storm", "100000", "vfork", programs / "tiny"], stdout=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: len(daemon.records()) > 100)
            daemon.kill()
        finally:
            storm.kill()
            storm.wait()
        last = daemon.records()[-1]
        daemon.start()
        daemon.stop()
        starts = [r for r in daemon.records() if r["type"] == "start"]
        data = daemon.log.read_bytes()
    assert data.endswith(b"\n")
    assert len([json.loads(line) for line in data.splitlines()]) > 100
    assert len(starts) == 2
    assert starts[1]["last_record"]["seq"] == last["seq"]
    assert starts[1]["last_record"]["cpu"] == last["cpu"]


def test_full_disk_is_counted_exactly_and_reported_when_there_is_room(
    engine: str, programs: Path, place: Path
) -> None:
    # A file system of its own, seen by the daemon alone; through /proc the test gets at it too.
    (place / "log").mkdir()
    mount = f'mount -t tmpfs -o size=16m,mode=755 none "{place}/log" && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh"]
    # Ours alone: a storm of others would fill the disk again, and what they try in vain is held
    # back: seen, and neither written nor counted as anything else yet.
    tiny = str(programs / "tiny")
    rules = f'[[rule]]\naction = "drop"\nnot.exe = "{tiny}"\n'
    sections = {"capture": {"failures": "none"}}
    with Daemon(place, engine, sections, rules, command=command) as daemon:
        disk = Path(f"/proc/{daemon.running.pid}/root{place}/log")
        daemon.log = disk / "execaudit.jsonl"
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        for number in range(200):
            launch([tiny, f"full-{number}"]).wait()
        wait_until(lambda: "ropping records" in daemon.stderr, lambda: daemon.stderr)
        filler.unlink()
        wait_until(lambda: "lost meanwhile" in daemon.stderr, lambda: daemon.stderr)
        daemon.settle(programs / "tiny")
        wait_until(lambda: any("sink" in r for r in of_log(daemon) if r["type"] == "lost"))
        records = of_log(daemon)
        status = daemon.status()
        daemon.running.send_signal(signal.SIGTERM)
        assert daemon.running.wait(30) == 0
    lost = [r for r in records if r["type"] == "lost" and r.get("sink") == "file"]
    assert {r["reason"] for r in lost} == {"disk_full"}
    in_sink = sum(r["count"] for r in lost)
    assert in_sink > 0
    assert status["sinks"]["file"]["lost"] == in_sink
    events = status["events"]
    gone = events["dropped"] + events["collapsed"] + events["lost"] + in_sink
    words = Counter(last_words(records, tiny))
    assert events["seen"] - gone == words.total()
    assert all(words[f"full-{number}"] <= 1 for number in range(200))
    assert all(one["first_missed"]["time"] <= one["last_missed"]["time"] for one in lost)
    known = {(r["cpu"], r.get("hook", "exec"), r["seq"]) for r in records if r["type"] == "exec"}
    ends = [one[end] for one in lost for end in ("first_missed", "last_missed")]
    assert known.isdisjoint((end["cpu"], end["hook"], end["seq"]) for end in ends)


def of_log(daemon: Daemon) -> list[Record]:
    """Records of the live file alone."""
    return [json.loads(line) for line in daemon.log.read_bytes().split(b"\n")[:-1]]


def test_signals_while_it_ends_change_nothing(engine: str, place: Path) -> None:
    with Daemon(place, engine) as daemon:
        while daemon.running.poll() is None:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT):
                daemon.running.send_signal(number)
        assert daemon.running.returncode == 0, daemon.stderr
    assert daemon.records()[-1]["type"] == "stop"
