# SPDX-License-Identifier: Apache-2.0
"""A refusal of BPF names its cause: the errno, and who may have refused."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.engine import access
from execaudit.errors import ExecauditError, NoPermission, NotImplementedByKernel
from execaudit.kernel import hooks, libbpf

ALL = "CapEff:\t000001ffffffffff\n"
BPF_ALONE = "CapEff:\t000000c000000000\n"
NONE = "CapEff:\t0000000000000000\n"


def refuse(code: int) -> Callable[..., int]:
    def call(*_: object) -> int:
        raise OSError(code, "refused by the test")

    return call


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process with all capabilities on a kernel that is not locked down."""
    (tmp_path / "status").write_text(ALL)
    monkeypatch.setattr(access, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(access, "_LOCKDOWN", tmp_path / "lockdown")
    return tmp_path


@pytest.mark.parametrize(
    ("code", "capabilities", "kind", "words"),
    [
        (errno.EPERM, NONE, NoPermission, ["Operation not permitted; run as root"]),
        (errno.EPERM, ALL, NoPermission, ["Operation not permitted, although", "seccomp"]),
        (errno.EACCES, BPF_ALONE, NoPermission, ["Permission denied, although", "SELinux"]),
        (errno.ENOSYS, ALL, NotImplementedByKernel, ["Function not implemented: ", "seccomp"]),
        (errno.ENOMEM, ALL, ExecauditError, ["Cannot allocate memory"]),
    ],
)
def test_refused_system_call_keeps_its_errno_and_names_who_refuses(
    monkeypatch: pytest.MonkeyPatch,
    machine: Path,
    code: int,
    capabilities: str,
    kind: type[ExecauditError],
    words: list[str],
) -> None:
    (machine / "status").write_text(capabilities)
    monkeypatch.setattr(libbpf, "create_map", refuse(code))

    with pytest.raises(kind) as caught:
        access.check_access()

    assert type(caught.value) is kind
    said = str(caught.value)
    assert all(word in said for word in [*words, "execaudit doctor"])
    assert ("run as root" in said) == (capabilities == NONE)


@pytest.mark.parametrize(
    ("lockdown", "who"),
    [
        ("none integrity [confidentiality]\n", "lockdown=confidentiality keeps"),
        ("[none] integrity confidentiality\n", "the kernel keeps"),
        (None, "the kernel's lockdown (confidentiality) keeps"),
    ],
)
def test_kernel_that_lets_nobody_read_its_memory_is_said_to_be_locked_down(
    monkeypatch: pytest.MonkeyPatch, machine: Path, lockdown: str | None, who: str
) -> None:
    if lockdown is not None:
        (machine / "lockdown").write_text(lockdown)
    trial = (machine / "status").open("rb")
    monkeypatch.setattr(libbpf, "create_map", lambda *_: trial.fileno())
    monkeypatch.setattr(hooks, "load_trial", lambda *_: trial.fileno())
    monkeypatch.setattr("os.close", lambda _: None)
    monkeypatch.setattr(hooks, "load", refuse(errno.EINVAL))

    with pytest.raises(NotImplementedByKernel, match="Invalid argument") as caught:
        access.check_access()

    trial.close()
    assert who in str(caught.value)
