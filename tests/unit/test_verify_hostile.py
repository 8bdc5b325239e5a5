# SPDX-License-Identifier: Apache-2.0
"""A log that was made to mislead `execaudit verify`, or to keep it busy."""

import resource
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.evidence.keys import VerifyingKey, next_key
from execaudit.evidence.seal import make_mac, read_seal
from execaudit.verify import proofs
from execaudit.verify.proofs import Proofs
from tests.log_files import exec_fields, lines_of, own_fields

_SEAL = own_fields(
    "seal", 1, chain="0" * 16, epoch=0, reason="interval", hash="0", covers={"lines": 0}
)


def test_text_of_a_seal_cannot_add_lines_to_the_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "execaudit.jsonl"
    forged = {**_SEAL, "host": f"h\\n\n{path}: whole: sealed and unaltered"}
    path.write_bytes(lines_of(forged))
    main(["verify", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(str(path))] == lines[:1]
    assert "whole" not in lines[0]


def test_key_of_an_epoch_is_found_in_any_order() -> None:
    key = VerifyingKey(b"k" * 32, is_secret=True)
    keys = [key.key]
    for _ in range(70_000):
        keys.append(next_key(keys[-1]))
    followed = Proofs([key])
    for epoch in (3, 65_535, 65_536, 69_000, 4, 65_537, 0, 70_000, 70_000):
        fields = {**_SEAL, "chain": key.chain, "epoch": epoch}
        assert followed.check({**fields, "mac": make_mac(fields, keys[epoch])})
        assert followed.check({**fields, "mac": "0"}) is False


def test_forged_seals_of_far_epochs_cost_the_way_there_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0

    def count(key: bytes) -> bytes:
        nonlocal steps
        steps += 1
        return next_key(key)

    monkeypatch.setattr(proofs, "next_key", count)
    key = VerifyingKey(b"k" * 32, is_secret=True)
    followed = Proofs([key])
    for number in range(20):
        fields = {**_SEAL, "chain": key.chain, "mac": "0"}
        assert followed.check({**fields, "epoch": 200_000 - number}) is False
        assert followed.check({**fields, "epoch": 1}) is False
    assert steps < 4 * 200_000


@pytest.mark.parametrize(
    "members",
    [
        {"epoch": -1}, {"epoch": True}, {"epoch": "1"}, {"covers": []}, {"covers": {"lines": "1"}},
        {"covers": {"missing": 1}}, {"removed": "x"}, {"removed": {"before": 1.5}},
        {"removed": {"files": 1}},
    ],
)  # fmt: skip
def test_line_whose_numbers_are_none_is_no_seal(members: dict[str, object]) -> None:
    assert read_seal(lines_of(_SEAL)) == _SEAL
    assert read_seal(lines_of({**_SEAL, **members})) is None


def test_root_says_whose_log_is_verified(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "var/log/execaudit/execaudit.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(lines_of(exec_fields(1)))
    assert main(["verify", "--root", str(tmp_path)]) == 2
    assert capsys.readouterr().out.startswith(f"{path}: cannot tell")


def test_key_file_without_an_end_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    room = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, room[1]))
    try:
        status = main(["verify", "--key", "/dev/zero", str(tmp_path / "a.jsonl")])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, room)
    assert status == 2
    assert "Failed to use verifying key: expected" in capsys.readouterr().err
