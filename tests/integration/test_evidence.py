# SPDX-License-Identifier: Apache-2.0
"""A daemon that seals its log, killed, reloaded and rotated; and what is verified afterwards.

EXECAUDIT_SEAL_KILLS=200 kills it as often.
"""

import json
import os
import random
import select
import subprocess
from functools import partial
from pathlib import Path

import pytest

from execaudit.evidence.keys import VerifyingKey
from execaudit.evidence.setup import make_state
from tests.integration.daemon_process import Daemon, DescriptorStore, wait_until
from tests.integration.launching import launch
from tests.integration.requirements import CHECKOUT, ENGINES, PYTHON
from tests.integration.tracing import Record
from tests.integration.workload import storm
from tests.sealed_logs import findings, verify

KILLS = int(os.environ.get("EXECAUDIT_SEAL_KILLS", "3"))
_RANDOM = random.Random(1)  # noqa: S311 - not for secrets

pytestmark = pytest.mark.parametrize("engine", ENGINES[:1])


@pytest.fixture(params=["secret", "public"])
def key(request: pytest.FixtureRequest, place: Path) -> VerifyingKey:
    """Return the verifying key of a chain whose state is in place."""
    owner = os.geteuid(), os.getegid()
    return make_state(
        str(place / "seal.state"), is_public=request.param == "public", owner=owner, periods=3
    )


def sections(place: Path, **file: object) -> dict[str, dict[str, object]]:
    seal: dict[str, object] = {
        "state": str(place / "seal.state"),
        "interval": "1s",
        "idle_interval": "10s",
    }
    return {"seal": seal, "file": file}


def seals(daemon: Daemon) -> list[Record]:
    return daemon.of_type("seal")


def has_files(daemon: Daemon, count: int) -> bool:
    return len(daemon.files()) == count


def test_log_of_a_daemon_is_whole_from_start_to_stop(
    engine: str, place: Path, programs: Path, key: VerifyingKey
) -> None:
    with Daemon(place, engine, sections(place)) as daemon:
        launch([str(programs / "tiny")]).wait()
        wait_until(lambda: len(seals(daemon)) > 1)
        running = daemon.call("verify", "--key", str(key))
        status = daemon.status()
        daemon.stop()
    verdict, logs = verify([daemon.log], [key])

    assert running.returncode == verdict == 0, running.stdout
    assert logs[0].is_proved
    assert [seals(daemon)[0]["reason"], seals(daemon)[-1]["reason"]] == ["start", "stop"]
    assert status["sinks"]["file"]["seal_chain"] == key.chain
    assert logs[0].last is not None
    assert {finding.kind for finding in logs[0].findings} <= {"not-counted"}


def test_daemon_killed_in_a_storm_again_and_again_leaves_a_whole_log(
    engine: str, place: Path, programs: Path, key: VerifyingKey
) -> None:
    settings = sections(place, max_file_bytes="4M", num_logs=6, compress="gzip")
    store = DescriptorStore()
    daemon = Daemon(place, engine, settings, store=store)
    with daemon:
        for _ in range(KILLS):
            with storm(programs):
                # A random moment; there is nothing to wait for.
                select.select([], [], [], _RANDOM.uniform(0, 1.2))
                daemon.kill()
            daemon.start()
        daemon.running.terminate()
        daemon.running.wait()
    verdict, logs = verify([daemon.log], [key])

    assert (verdict, findings(logs)) == (0, {})


def test_reload_and_rotation_go_on_with_the_chain(
    engine: str, place: Path, programs: Path, key: VerifyingKey
) -> None:
    with Daemon(place, engine, sections(place)) as daemon:
        launch([str(programs / "tiny")]).wait()
        assert daemon.call("rotate").returncode == 0
        wait_until(lambda: len(daemon.files()) == 2)
        daemon.configure({**sections(place), "capture": {"argv_bytes": "8K"}})
        assert daemon.call("reload").returncode == 0
        launch([str(programs / "tiny")]).wait()
        daemon.stop()
    reasons = [each["reason"] for each in seals(daemon)]

    assert verify([daemon.log], [key])[0] == 0
    assert {"rotate", "begin", "reload"} <= set(reasons)


def test_reload_with_another_path_goes_on_with_the_chain_there(
    engine: str, place: Path, programs: Path, key: VerifyingKey
) -> None:
    other = place / "other" / "execaudit.jsonl"
    other.parent.mkdir()
    with Daemon(place, engine, sections(place)) as daemon:
        daemon.configure(sections(place, path=str(other)))
        assert daemon.call("reload").returncode == 0
        launch([str(programs / "tiny")]).wait()
        daemon.running.terminate()
        daemon.running.wait()

    assert verify([daemon.log], [key])[0] == 0
    verdict, logs = verify([other], [key])
    assert (verdict, findings(logs)) == (0, {})


def test_files_that_a_start_or_a_reload_removes_are_announced(
    engine: str, place: Path, key: VerifyingKey
) -> None:
    daemon = Daemon(place, engine, sections(place))
    with daemon:
        for count in range(2, 6):
            daemon.call("rotate")
            wait_until(partial(has_files, daemon, count))
        daemon.stop()
        daemon.configure(sections(place, num_logs=2))
        daemon.start()
        wait_until(partial(has_files, daemon, 3))
        started, logs = verify([daemon.log], [key])
        daemon.configure(sections(place, num_logs=1))
        assert daemon.call("reload").returncode == 0
        wait_until(partial(has_files, daemon, 2))
        daemon.stop()
    reloaded, others = verify([daemon.log], [key])

    assert (started, findings(logs)) == (reloaded, findings(others)) == (0, {})


def test_files_pruned_by_hand_are_recorded(engine: str, place: Path, key: VerifyingKey) -> None:
    with Daemon(place, engine, sections(place)) as daemon:
        for count in (2, 3):
            daemon.call("rotate")
            wait_until(partial(has_files, daemon, count))
        assert daemon.call("rotate", "--prune", "1").returncode == 0
        wait_until(lambda: len(daemon.files()) == 2)
        daemon.stop()
    verdict, logs = verify([daemon.log], [key])

    assert (verdict, findings(logs)) == (0, {})
    assert "was removed by retention" in logs[0].as_text()


def test_new_key_takes_over_at_a_reload(engine: str, place: Path, key: VerifyingKey) -> None:
    with Daemon(place, engine, sections(place)) as daemon:
        answer = subprocess.run(
            [PYTHON, "-m", "execaudit", "seal", "setup", "--force", "--config", str(daemon.config)],
            cwd=CHECKOUT, capture_output=True, check=True, text=True,
        )  # fmt: skip
        daemon.call("reload")
        wait_until(lambda: seals(daemon)[-1]["chain"] != key.chain)
        daemon.stop()
    text = next(line.strip() for line in answer.stdout.splitlines() if "secret:" in line)
    (place / "key").write_text(text)
    answer = daemon.call("verify", "--key", str(key), "--key", str(place / "key"), "--json")

    verdict = json.loads(answer.stdout)
    assert (answer.returncode, verdict["verdict"]) == (0, "whole")
    assert "key-changed" in [each["kind"] for each in verdict["logs"][0]["findings"]]


def test_state_that_others_can_read_is_refused_and_records_are_written(
    engine: str, place: Path, programs: Path, key: VerifyingKey
) -> None:
    del key
    (place / "seal.state").chmod(0o644)
    with Daemon(place, engine, sections(place)) as daemon:
        launch([str(programs / "tiny")]).wait()
        daemon.stop()

    assert "others can read it" in daemon.stderr
    assert not seals(daemon)
    assert daemon.of_type("exec")


def test_other_sinks_get_the_seals(engine: str, place: Path, key: VerifyingKey) -> None:
    pipe = place / "out"
    settings = sections(place) | {"stdout": {"enabled": True}}
    command = ["sh", "-c", f'exec "$@" > {pipe}', "sh"]
    with Daemon(place, engine, settings, command=command) as daemon:
        daemon.call("rotate")
        daemon.stop()
    shown = [json.loads(line) for line in pipe.read_text().splitlines()]
    copies = [each for each in shown if each["type"] == "seal"]

    assert copies == seals(daemon)
    expected = [("", each["epoch"], each.get("mac", each.get("signature"))) for each in copies]
    assert verify([daemon.log], [key], expected)[0] == 0
