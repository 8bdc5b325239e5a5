# SPDX-License-Identifier: Apache-2.0
"""Each attack on a sealed log, and the sentence that it gets (docs/evidence.md)."""

import shutil
from pathlib import Path

import pytest

from execaudit.evidence.state import StateFile
from execaudit.verify.findings import ALTERED, UNKNOWN, WHOLE
from tests.sealed_logs import SealedHost, findings, seal_lines, verify


@pytest.fixture(params=["secret", "public"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> SealedHost:
    """Return a host with three files of sealed lines, stopped."""
    host = SealedHost(tmp_path, is_public=request.param == "public")
    host.start()
    for _ in range(2):
        host.write()
        host.write()
        host.running.rotate()
    host.write()
    host.stop()
    return host


def test_log_that_nobody_touched_is_whole(host: SealedHost) -> None:
    verdict, logs = verify([host.path], [host.key])

    assert (verdict, findings(logs)) == (WHOLE, {})
    assert logs[0].is_proved
    assert logs[0].lines == 5 * 5 + 2


def edit(lines: list[bytes]) -> None:
    lines[2] = lines[2].replace(b"number", b"nobody")


def edit_longer(lines: list[bytes]) -> None:
    lines[2] = lines[2].replace(b"number", b"numbers")


def delete(lines: list[bytes]) -> None:
    del lines[2]


def insert(lines: list[bytes]) -> None:
    lines.insert(2, lines[2].replace(b"number", b"nobody"))


def swap(lines: list[bytes]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def replay(lines: list[bytes]) -> None:
    lines.insert(4, lines[2])


@pytest.mark.parametrize(
    ("attack", "kind", "sentence"),
    [
        (edit, "edited", "lines were edited, or lines were exchanged"),
        (edit_longer, "edited", "lines were edited between"),
        (delete, "deleted", "1 line was deleted between"),
        (insert, "inserted", "1 line was inserted between"),
        (swap, "edited", "lines were exchanged, between"),
        (replay, "inserted", "1 line was inserted between"),
    ],
)
def test_line_that_was_changed_is_found_between_two_seals(
    host: SealedHost, attack: object, kind: str, sentence: str
) -> None:
    host.tamper(attack, host.files()[1])

    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert list(findings(logs)) == [kind]
    assert sentence in findings(logs)[kind]
    assert f"{host.files()[1]}, lines 2 to" in findings(logs)[kind]


def test_seal_that_was_deleted_is_missing(host: SealedHost) -> None:
    def attack(lines: list[bytes]) -> None:
        del lines[seal_lines(lines)[1]]

    host.tamper(attack, host.files()[1])
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "the seal of epoch 5 is missing" in findings(logs)["missing"]


def test_seal_that_was_edited_is_found(host: SealedHost) -> None:
    def attack(lines: list[bytes]) -> None:
        at = seal_lines(lines)[1]
        lines[at] = lines[at].replace(b'"lines":5', b'"lines":4')

    host.tamper(attack)
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "forged" in findings(logs)


def test_file_that_was_deleted_is_missing(host: SealedHost) -> None:
    host.files()[1].unlink()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert list(findings(logs)) == ["missing"]
    assert "a file or lines were removed" in findings(logs)["missing"]


def test_oldest_file_deleted_by_hand_is_not_taken_for_retention(host: SealedHost) -> None:
    host.files()[0].unlink()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "retention did not remove" in findings(logs)["beginning"]


def test_file_that_was_renamed_is_where_it_belongs(host: SealedHost) -> None:
    first, second, _ = host.files()
    first.rename(host.folder / "swap")
    second.rename(first)
    (host.folder / "swap").rename(second)

    assert verify([host.path], [host.key])[0] == WHOLE


def test_file_put_in_the_place_of_another_one_is_a_replay(host: SealedHost) -> None:
    first, second, _ = host.files()
    shutil.copy(first, second)
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert list(findings(logs)) == ["missing"]


def test_old_lines_replayed_with_their_seals_are_found(host: SealedHost) -> None:
    old = host.files()[0].read_bytes()
    with host.path.open("ab") as file:
        file.write(old)
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "stands there twice" in findings(logs)["twice"]


def test_file_of_another_host_is_recognised(host: SealedHost, tmp_path: Path) -> None:
    other = SealedHost(tmp_path, "beta")
    other.start()
    other.write()
    other.stop()
    shutil.copy(other.path, host.files()[1])
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "of host beta" in findings(logs)["other-chain"]


def test_log_of_another_host_in_this_ones_name_is_recognised(
    host: SealedHost, tmp_path: Path
) -> None:
    other = SealedHost(tmp_path, "beta")
    other.start()
    other.stop()
    verdict, logs = verify([other.path], [host.key])

    assert verdict == ALTERED
    assert "it is another host's" in findings(logs)["wrong-chain"]


@pytest.mark.parametrize("is_running", [False, True])
def test_tail_cut_before_a_restart_is_noticed_by_the_daemon(
    host: SealedHost, is_running: bool
) -> None:
    host.start()
    host.write()
    host.write()

    def cut(lines: list[bytes]) -> list[bytes]:
        return lines[: seal_lines(lines)[-2] + 1]

    if is_running:
        host.tamper(cut)
        host.write()
        host.stop()
    else:
        host.stop()
        host.tamper(cut)
        host.start()
        host.stop()
    verdict, logs = verify([host.path], [host.key])

    found = findings(logs)
    if is_running:
        assert verdict == ALTERED
        assert "missing" in found or "deleted" in found
    else:
        assert verdict == UNKNOWN
        assert "the log had lost its end when the daemon started" in found["cut"]


def test_tail_cut_with_nothing_after_it_is_found_by_a_seal_known_elsewhere(
    host: SealedHost,
) -> None:
    _, logs = verify([host.path], [host.key])
    known = logs[0].last
    assert known is not None
    host.tamper(lambda lines: lines[: seal_lines(lines)[-2] + 1])

    verdict, logs = verify([host.path], [host.key])
    assert verdict == WHOLE
    assert "whether more was sealed" in logs[0].as_text()
    verdict, logs = verify([host.path], [host.key], [("", known["epoch"], "")])
    assert verdict == ALTERED
    assert "sealed lines were removed" in findings(logs)["expected"]


def test_history_rewritten_with_a_key_of_today_is_forged(host: SealedHost, tmp_path: Path) -> None:
    """The thief has the key of now, makes a chain of it, and writes the past as he likes it."""
    thief = SealedHost(tmp_path, "thief")
    stolen = StateFile(str(host.state))
    state = stolen.state
    stolen.close()
    state.epoch, state.previous = 0, bytes(32)
    thief.state.write_bytes(state.pack())
    certificates = Path(f"{host.state}.certificates")
    if certificates.exists():
        shutil.copy(certificates, f"{thief.state}.certificates")
    thief.start()
    thief.write(20)
    thief.stop()

    verdict, logs = verify([thief.path], [host.key])

    if state.is_secret:
        assert verdict == ALTERED
        assert "not made with the keys of this chain" in findings(logs)["forged"]
    else:  # within the hour of the theft a public key cannot tell
        assert verdict == WHOLE


def test_key_state_that_was_exchanged_is_found(host: SealedHost) -> None:
    host.state.unlink()
    host.set_up(is_public=not Path(f"{host.state}.certificates").exists())
    host.start()
    host.write()
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "which no seal announced" in findings(logs)["other-chain"]


def test_second_daemon_does_not_seal_with_the_same_keys(host: SealedHost) -> None:
    host.start()

    with pytest.raises(Exception, match="another process makes seals with it"):
        StateFile(str(host.state))


def test_two_daemons_with_copies_of_one_key_are_found(host: SealedHost, tmp_path: Path) -> None:
    copy = tmp_path / "copy.state"
    shutil.copy(host.state, copy)
    if Path(f"{host.state}.certificates").exists():
        shutil.copy(f"{host.state}.certificates", f"{copy}.certificates")
    host.start()
    host.write()
    host.stop()
    state, host.state = host.state, copy
    lines = host.path.read_bytes()
    host.path.write_bytes(b"".join(host.lines()[: seal_lines(host.lines())[1] + 1]))
    host.start()
    host.write()
    host.stop()
    host.state = state
    host.path.write_bytes(lines + b"".join(host.lines()[-8:]))
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "twice" in findings(logs)


def test_file_emptied_by_hand_long_after_its_copy_was_made_is_not_taken_for_logrotate(
    host: SealedHost,
) -> None:
    host.start()
    host.write()
    shutil.copy(host.path, host.folder / "execaudit.jsonl.1")
    host.write()
    host.host.wall_offset_ns += 3600 * 10**9
    host.write()
    host.path.write_bytes(b"")
    host.write()
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == ALTERED
    assert "missing" in findings(logs)
