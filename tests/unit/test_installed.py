# SPDX-License-Identifier: Apache-2.0
"""The doctor's checks of packages, over file systems laid out in folders."""

import socket
import sys
from pathlib import Path

import pytest

from execaudit.doctor import installed

RELEASE = "6.1.0-1"
OWN = f"lib/modules/{RELEASE}/build"
BTF = "sys/kernel/btf/vmlinux"
GIVEN = {"BCC_KERNEL_SOURCE": "/src"}


def make(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    return tmp_path / "modules"


def make_bcc(root: Path, modules: Path) -> None:
    make(modules, "bcc/__init__.py", text="raise SystemExit('imported')")
    make(modules, "bcc/libbcc.py")
    make(modules, "bcc/version.py", text="__version__ = '0.31.0'\n")
    make(root, "usr/lib/x86_64-linux-gnu/libbcc.so.0")


def check_bcc(root: Path, modules: Path, **environ: str) -> tuple[str, str, str]:
    check = installed.check_bcc(root, RELEASE, environ, [str(modules)])
    return check.status, check.found, check.advice


def test_bcc_with_headers_of_this_kernel_passes_and_is_not_imported(
    tmp_path: Path, modules: Path
) -> None:
    make_bcc(tmp_path, modules)
    make(tmp_path, f"{OWN}/x")
    before = set(sys.modules)
    status, found, advice = check_bcc(tmp_path, modules)
    assert (status, advice) == ("pass", "")
    assert found == f"bcc 0.31.0, headers /{OWN}"
    assert "bcc" not in set(sys.modules) - before


def test_bcc_missing(tmp_path: Path, modules: Path) -> None:
    status, found, advice = check_bcc(tmp_path, modules)
    assert (status, found) == ("warn", "no Python module bcc")
    assert "python3-bpfcc" in advice


def test_unrelated_package_named_bcc_is_told_apart(tmp_path: Path, modules: Path) -> None:
    make(modules, "bcc/__init__.py", "bcc/parser.py")
    status, found, advice = check_bcc(tmp_path, modules)
    assert (status, found) == ("warn", f"{modules}/bcc is an unrelated package of the same name")
    assert advice.startswith("Uninstall that package, then: install your distribution's BCC")


def test_bcc_without_its_library(tmp_path: Path, modules: Path) -> None:
    make_bcc(tmp_path, modules)
    (tmp_path / "usr/lib/x86_64-linux-gnu/libbcc.so.0").unlink()
    assert check_bcc(tmp_path, modules)[:2] == ("warn", "bcc 0.31.0 without libbcc.so.0")


def test_bcc_without_version_or_headers(tmp_path: Path, modules: Path) -> None:
    make_bcc(tmp_path, modules)
    (modules / "bcc/version.py").unlink()
    status, found, advice = check_bcc(tmp_path, modules)
    assert (status, found) == ("warn", "bcc (unknown version), no kernel headers")
    assert "linux-headers" in advice


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        ([BTF], {}, None),
        ([f"{OWN}/x"], {}, f"/{OWN}"),
        ([BTF, f"{OWN}/x"], {}, f"/{OWN}"),
        ([BTF, f"{OWN}/x", "src/x"], GIVEN, "/src (BCC_KERNEL_SOURCE)"),
        ([BTF, f"{OWN}/x"], GIVEN, None),
        (["src/x"], GIVEN, None),
        ([BTF, "sys/kernel/kheaders.tar.xz"], {}, "/sys/kernel/kheaders.tar.xz"),
        (["sys/kernel/kheaders.tar.xz"], {}, None),
        (["lib/modules/5.10/build/include/generated/x"], {}, None),
        (
            [BTF, "lib/modules/5.10/build/include/generated/x"],
            {},
            "/lib/modules/5.10/build (another kernel's, BTF gives the offsets)",
        ),
    ],
)
def test_find_headers(
    tmp_path: Path, files: list[str], environ: dict[str, str], expected: str | None
) -> None:
    make(tmp_path, *files)
    assert installed.find_headers(tmp_path, RELEASE, environ) == expected


@pytest.mark.parametrize(("files", "status"), [([], "warn"), (["orjson/__init__.py"], "pass")])
def test_orjson(modules: Path, files: list[str], status: str) -> None:
    make(modules, *files)
    assert installed.check_orjson([str(modules)]).status == status


@pytest.mark.parametrize(
    ("files", "status", "found"),
    [
        ([], "warn", "not installed"),
        (["systemd/__init__.py"], "warn", "{}/systemd is an unrelated package"),
        (["systemd/__init__.py", "systemd/journal.py"], "pass", "installed"),
    ],
)
def test_systemd_python(modules: Path, files: list[str], status: str, found: str) -> None:
    make(modules, *files)
    check = installed.check_systemd([str(modules)])
    assert (check.status, check.found) == (status, found.format(modules))


def test_journal_socket(tmp_path: Path) -> None:
    assert installed.check_journal(tmp_path).status == "warn"
    path = tmp_path / "run/systemd/journal/socket"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        assert installed.check_journal(tmp_path).status == "pass"
    check = installed.check_journal(tmp_path)
    assert (check.status, check.found) == (
        "warn",
        "/run/systemd/journal/socket: Connection refused",
    )
