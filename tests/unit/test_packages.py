# SPDX-License-Identifier: Apache-2.0
"""Which package owns a file, by databases as dpkg, pacman and rpm write them."""

import contextlib
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest

from execaudit.baseline.packages import find_owners, parse_rpm_header

SPEC = """
Name: some-package
Version: 1
Release: 1
Summary: A package
License: Apache-2.0
BuildArch: noarch
%description
It.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/opt/some
touch %{buildroot}/usr/bin/some %{buildroot}/usr/bin/other %{buildroot}/opt/some/some
%files
/usr/bin/some
/usr/bin/other
/opt/some/some
"""


def test_without_a_database_nothing_can_be_said(tmp_path: Path) -> None:
    assert find_owners([b"/usr/bin/a"], tmp_path) is None


def test_dpkg_names_the_package_also_of_a_path_before_the_merge(tmp_path: Path) -> None:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "a.list").write_bytes(b"/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/abc\n")
    (info / "libb:amd64.list").write_bytes(b"/.\n/bin\n/bin/b\n/usr/lib/b/\xff\n")
    (info / "c.md5sums").write_bytes(b"/usr/bin/c\n")
    paths = [b"/usr/bin/a", b"/usr/bin/b", b"/usr/bin/c", b"/usr/lib/b/\xff", b"/usr/bin/ab"]

    assert find_owners(paths, tmp_path) == {
        b"/usr/bin/a": "a", b"/usr/bin/b": "libb", b"/usr/lib/b/\xff": "libb",
    }  # fmt: skip


def test_pacman_names_the_package(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/pacman/local/some-package-1.2.3-4"
    folder.mkdir(parents=True)
    (folder / "files").write_bytes(b"%FILES%\nusr/\nusr/bin/\nusr/bin/a\n\n%BACKUP%\n")
    (folder.parent / "ALPM_DB_VERSION").write_text("9\n")

    assert find_owners([b"/usr/bin/a", b"/usr/bin/b"], tmp_path) == {b"/usr/bin/a": "some-package"}


def test_rpm_names_the_package(tmp_path: Path) -> None:
    if shutil.which("rpmbuild") is None:
        pytest.skip("there is no rpmbuild")
    (tmp_path / "some.spec").write_text(SPEC)
    folders = ["--define", f"_topdir {tmp_path}/build", "--define", f"_dbpath {tmp_path}/none"]
    subprocess.run(
        ["rpmbuild", "-bb", *folders, tmp_path / "some.spec"], check=True, capture_output=True
    )
    (package,) = (tmp_path / "build").rglob("*.rpm")
    database = tmp_path / "root/usr/lib/sysimage/rpm"
    database.mkdir(parents=True)
    options = ["--dbpath", str(database), "--define", "_db_backend sqlite"]
    install = ["rpm", "-i", "--justdb", "--nodeps", "--noscripts", "--ignorearch", *options]
    subprocess.run([*install, package], check=True, capture_output=True)

    owners = find_owners([b"/usr/bin/some", b"/usr/bin/none", b"/opt/none/some"], tmp_path / "root")

    assert owners == {b"/usr/bin/some": "some-package"}


def rpm_header(name: bytes, path: bytes) -> bytes:
    """Return the header of a package with one file, as rpm stores it."""
    folder, base = path.rpartition(b"/")[0] + b"/", path.rpartition(b"/")[2]
    entries, data = b"", b""
    for tag, kind, value in (
        (1000, 6, name + b"\0"), (1116, 4, struct.pack(">I", 0)), (1117, 8, base + b"\0"),
        (1118, 8, folder + b"\0"),
    ):  # fmt: skip
        data += bytes(-len(data) % 4) if kind == 4 else b""
        entries += struct.pack(">4I", tag, kind, len(data), 1)
        data += value
    return struct.pack(">2I", 4, len(data)) + entries + data


def test_name_or_header_that_is_odd_hides_no_other_package(tmp_path: Path) -> None:
    database = tmp_path / "var/lib/rpm/rpmdb.sqlite"
    database.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE Basenames (key 'TEXT' NOT NULL, hnum INTEGER)")
        connection.execute("CREATE TABLE Packages (hnum INTEGER, blob BLOB)")
        for number, blob in enumerate([b"\xff" * 100, rpm_header(b"some", b"/usr/bin/some")]):
            connection.execute("INSERT INTO Basenames VALUES ('some', ?)", (number,))
            connection.execute("INSERT INTO Packages VALUES (?, ?)", (number, blob))
    paths = [b"/tmp/\xff", b"/tmp/\xfe", b"/usr/bin/some", b"/tmp/\xfd"]
    assert find_owners(paths, tmp_path) == {b"/usr/bin/some": "some"}


@pytest.mark.parametrize("blob", [b"", b"\0" * 8, b"\xff" * 100])
def test_damaged_header_is_refused(blob: bytes) -> None:
    with pytest.raises((ValueError, IndexError, struct.error)):
        parse_rpm_header(blob)


def test_damaged_database_says_nothing(tmp_path: Path) -> None:
    database = tmp_path / "var/lib/rpm/rpmdb.sqlite"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database")
    assert find_owners([b"/usr/bin/a"], tmp_path) == {}
