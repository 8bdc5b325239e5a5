# SPDX-License-Identifier: Apache-2.0
"""Keys, their state on the disk, and what is shown of them."""

import os
import stat
from pathlib import Path

import pytest

from execaudit.cli import build_parser
from execaudit.errors import ExecauditError, InvalidArgument, NotConfigured
from execaudit.evidence import blake2, qr, setup
from execaudit.evidence.key_state import KeyState, unpack
from execaudit.evidence.keys import VerifyingKey, chain_of, next_key, read_verifying_key
from execaudit.evidence.setup import make_state
from execaudit.evidence.state import StateFile, certificates_path, take_new_state
from execaudit.verify.ed25519 import verifies, verifies_slowly
from tests.sealed_logs import SealedHost

OWNER = os.geteuid(), os.getegid()
KEY = bytes(range(32))


def test_key_of_an_epoch_follows_from_the_one_before() -> None:
    # Fixed: what was sealed with an earlier version must be verified with a later one.
    assert next_key(KEY).hex().startswith("8cf7998a0eaa5fef2839767073bf7199")
    assert chain_of(bytearray(KEY)) == "f249e2801a9121a8"


def test_python_without_an_implementation_of_its_own_takes_hashlib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = blake2.blake2b(b"abc", key=KEY).digest()
    monkeypatch.setattr(blake2, "_MODULES", ("no_such_module", "string", "hashlib"))

    assert blake2.blake2b(b"abc", key=KEY).digest() == before


@pytest.mark.parametrize("is_secret", [True, False])
def test_verifying_key_is_read_as_it_is_shown(*, is_secret: bool) -> None:
    key = VerifyingKey(KEY, is_secret=is_secret)
    text = f"  {str(key).upper()[:40]}\n {str(key)[40:]} "

    assert read_verifying_key(text).key == KEY
    assert read_verifying_key(text).is_secret == is_secret


@pytest.mark.parametrize("text", ["", "secret:", "secret:00", "private:" + "0" * 64, "0" * 64])
def test_other_text_is_no_verifying_key(text: str) -> None:
    with pytest.raises(InvalidArgument, match="expected 'secret:' or 'public:'"):
        read_verifying_key(text)


def test_state_is_private_and_reads_back(tmp_path: Path) -> None:
    path = str(tmp_path / "folder" / "seal.state")
    key = make_state(path, is_public=False, owner=OWNER)
    file = StateFile(path)
    file.state.evolve(b"h" * 32)
    file.state.removed_before = 7
    file.write(file.state)
    file.close()
    again = StateFile(path)

    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700
    assert (again.state.chain, again.state.epoch) == (key.chain, 1)
    assert again.state.key == next_key(key.key)
    assert (again.state.previous, again.state.removed_before) == (b"h" * 32, 7)
    assert key.key not in Path(path).read_bytes()
    again.close()


def test_older_state_is_not_written_and_none_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "seal.state"
    make_state(str(path), is_public=False, owner=OWNER)
    file = StateFile(str(path))
    older = file.state.copy()
    file.state.removed_before = 7
    file.write(file.state)
    newest = path.read_bytes()
    file.write(older)
    file.close()
    file.state.evolve(b"h" * 32)
    other = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)  # gets the number of the closed one
    file.write(file.state)

    assert os.pread(other, 1, 0) == b""
    assert path.read_bytes() == newest
    os.close(other)


def test_state_that_is_not_in_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal.state"
    make_state(str(path), is_public=False, owner=OWNER)
    data = path.read_bytes()

    for damaged in (data[:-1], data[:20] + b"x" + data[21:], b""):
        path.write_bytes(damaged)
        with pytest.raises(NotConfigured, match="its checksum is wrong"):
            StateFile(str(path))
    path.write_bytes(data)
    path.chmod(0o640)
    with pytest.raises(NotConfigured, match="others can read it"):
        StateFile(str(path))
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ExecauditError, match="Failed to open"):
        StateFile(str(tmp_path / "link"))
    with pytest.raises(ExecauditError, match="No such file"):
        StateFile(str(tmp_path / "none"))


def test_state_of_another_version_is_refused() -> None:
    data = bytearray(KeyState(KEY, chain_of(KEY), is_secret=True).pack()[:-16])
    data[6] = ord("2")

    with pytest.raises(ValueError, match="another version"):
        unpack(bytes(data) + blake2.blake2b(bytes(data), size=16).digest())


def test_new_state_takes_the_place_of_the_old_one_with_its_certificates(tmp_path: Path) -> None:
    path = str(tmp_path / "seal.state")
    make_state(path, is_public=True, owner=OWNER, periods=1)
    new = make_state(f"{path}.new", is_public=False, owner=OWNER)
    take_new_state(path)
    file = StateFile(path)

    assert file.state.chain == new.chain
    assert not Path(certificates_path(path)).exists()
    assert not Path(f"{path}.new").exists()
    file.close()


def test_hours_that_are_over_cannot_be_signed_for_any_more(tmp_path: Path) -> None:
    path = str(tmp_path / "seal.state")
    make_state(path, is_public=True, owner=OWNER, periods=5)
    file = StateFile(path)
    hour, seed = file.state.period, bytes(file.state.seed)
    first = file.certificate()
    file.state.enter_period(hour + 2)

    assert bytes(file.state.seed) == next_key(next_key(seed))
    assert file.certificate() != first
    file.state.enter_period(hour)  # a clock that was set back
    assert file.state.period == hour + 2
    file.state.enter_period(hour + 9)
    assert file.certificate() == b""
    file.close()


# RFC 8032, section 7.1, tests 1 to 3.
VECTORS = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b4"
     "6bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6"
     "594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_signatures_of_the_standard_are_verified(public: str, message: str, signature: str) -> None:
    key, text, proof = (bytes.fromhex(each) for each in (public, message, signature))

    for verify in (verifies, verifies_slowly):
        assert verify(key, proof, text)
        assert not verify(key, proof, text + b"x")
        assert not verify(key, proof[:-1] + b"\x7f", text)
        assert not verify(key[:-1] + b"\xff", proof, text)


def run_setup(tmp_path: Path, *words: str) -> int:
    config = tmp_path / "execaudit.toml"
    config.write_text(f'[seal]\nstate = "{tmp_path}/seal.state"\n')
    arguments = ["seal", "setup", "--config", str(config), *words]
    return setup.run(build_parser().parse_args(arguments))


def test_setup_shows_the_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_setup(tmp_path) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "secret:" in line]
    file = StateFile(str(tmp_path / "seal.state"))

    assert read_verifying_key(line).chain == file.state.chain
    assert "systemctl restart execaudit" in shown
    file.close()


def test_setup_makes_another_key_only_when_it_is_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_setup(tmp_path)
    before = (tmp_path / "seal.state").read_bytes()

    with pytest.raises(InvalidArgument, match="--force makes another one"):
        run_setup(tmp_path)
    assert run_setup(tmp_path, "--force") == 0
    assert "systemctl reload execaudit" in capsys.readouterr().out
    assert (tmp_path / "seal.state").read_bytes() == before
    assert (tmp_path / "seal.state.new").exists()


def test_setup_that_cannot_write_says_where(tmp_path: Path) -> None:
    (tmp_path / "seal.state").mkdir()

    with pytest.raises(ExecauditError, match=r"Failed to write '.*seal.state'"):
        make_state(str(tmp_path / "seal.state"), is_public=False, owner=OWNER)


def test_code_is_drawn_where_the_library_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = qr.draw("secret:00")
    assert not shown or "█" in shown
    monkeypatch.setattr(qr, "_LIBRARY", "libnothing.so.4")
    assert qr.draw("secret:00") == ""


def test_seal_is_due_an_interval_after_the_first_line_and_seldom_without(tmp_path: Path) -> None:
    host = SealedHost(tmp_path)
    sink = host.start()
    sealing = sink.sealing
    assert sealing is not None
    idle_s = sealing.due_s(1e6)
    host.write(1, seal="")

    assert idle_s == sealing._sealed_s + 60
    assert sealing.due_s(500.0) == 510.0
    assert sealing.due_s(505.0) == 510.0
    epoch = host.chain.file.state.epoch
    sink.on_timer(509.0)
    assert host.chain.file.state.epoch == epoch
    sink.on_timer(511.0)
    assert host.chain.file.state.epoch == epoch + 1
    assert host.chain.take()[-1]["reason"] == "interval"
    host.stop()


def test_state_is_written_behind_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = SealedHost(tmp_path)
    host.start()
    order: list[str] = []
    sync, write = os.fdatasync, os.pwrite

    def note_sync(fd: int) -> None:
        order.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        sync(fd)

    def note_write(fd: int, data: bytes, at: int) -> int:
        order.append("write")
        return write(fd, data, at)

    sealing = host.running.sealing
    assert sealing is not None
    sealing._syncing.stop(5.0, finish=True)
    sealing._syncing = type(sealing._syncing)("seal")
    monkeypatch.setattr(os, "fdatasync", note_sync)
    monkeypatch.setattr(os, "pwrite", note_write)
    host.write()
    sealing._syncing.stop(5.0, finish=True)

    assert order == ["execaudit.jsonl", "write", "alpha.state"]


def test_disk_that_cannot_sync_keeps_the_older_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SealedHost(tmp_path)
    host.start()
    sealing = host.running.sealing
    assert sealing is not None
    sealing._syncing.stop(5.0, finish=True)
    sealing._syncing = type(sealing._syncing)("seal")
    before = host.state.read_bytes()

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    host.write()
    host.write()
    sealing._syncing.stop(5.0, finish=True)

    assert host.state.read_bytes() == before
    (notice,) = host.running.notices.take()
    assert "Failed to sync a seal" in notice[1]
