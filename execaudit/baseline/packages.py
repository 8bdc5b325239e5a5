# SPDX-License-Identifier: Apache-2.0
"""Which package a file belongs to, by the databases of dpkg, rpm and pacman.

Owns reading these databases. Each gives the files of a package as lines, which are searched as one
text: memory for split lines would stay with the process. It runs in a thread, for several files at
once, as asking dpkg means reading the lists of all packages, some 30 ms. It starts no program.
"""

import contextlib
import os
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PAUSE_LISTS, _PAUSE_S = 50, 0.002  # the thread has the daemon's priority
_MOST_BYTES = 16 << 20  # of a list
_MERGED = (b"/bin/", b"/sbin/", b"/lib")  # in /usr now; lists may still have them without it
_RPM = ("usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite")
_ENTRY = struct.Struct(">4I")
# Tags of an RPM header, include/rpm/rpmtag.h.
_NAME, _DIR_INDEXES, _BASE_NAMES, _DIR_NAMES = 1000, 1116, 1117, 1118
_TAGS = (_NAME, _DIR_INDEXES, _BASE_NAMES, _DIR_NAMES)


def find_owners(paths: Iterable[bytes], root: Path = Path("/")) -> dict[bytes, str] | None:
    """Return the packages of paths that have one, by path; None if there is no database."""
    known = {name: path for path in paths for name in _names_of(path)}
    found: dict[bytes, str] = {}
    sources = [
        source
        for source in (_dpkg_lists(root), _pacman_lists(root), _rpm_lists(root, known))
        if source is not None
    ]
    for source in sources:
        for count, (package, listed) in enumerate(source):
            for name, path in known.items():
                if b"\n%b\n" % name in listed:
                    found[path] = package
            if count % _PAUSE_LISTS == 0:
                time.sleep(_PAUSE_S)
    return found if sources else None


def _names_of(path: bytes) -> Iterator[bytes]:
    yield path
    if path.startswith(b"/usr") and path[4:].startswith(_MERGED):
        yield path[4:]


def _dpkg_lists(root: Path) -> Iterator[tuple[str, bytes]] | None:
    folder = root / "var/lib/dpkg/info"
    if not folder.is_dir():
        return None
    return (
        (entry.name.removesuffix(".list").partition(":")[0], b"\n" + _read(entry.path))
        for entry in _entries(folder)
        if entry.name.endswith(".list")
    )


def _pacman_lists(root: Path) -> Iterator[tuple[str, bytes]] | None:
    folder = root / "var/lib/pacman/local"
    if not folder.is_dir():
        return None
    return (
        (
            entry.name.rsplit("-", 2)[0],
            _read(f"{entry.path}/files").replace(b"\n", b"\n/"),
        )
        for entry in _entries(folder)
    )


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _read(path: str) -> bytes:
    with contextlib.suppress(OSError), Path(path).open("rb") as file:
        return file.read(_MOST_BYTES)
    return b""


def _rpm_lists(root: Path, paths: Iterable[bytes]) -> Iterator[tuple[str, bytes]] | None:
    database = next((root / name for name in _RPM if (root / name).is_file()), None)
    if database is None:
        return None
    return _query_rpm(database, {path.rpartition(b"/")[2] for path in paths})


def _query_rpm(database: Path, names: set[bytes]) -> Iterator[tuple[str, bytes]]:
    import sqlite3  # noqa: PLC0415 - where there is rpm only

    # immutable: without it, a reader that may not write beside the file cannot open it.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
        ) as connection,
    ):
        seen: set[int] = set()
        for name in names:
            with contextlib.suppress(UnicodeDecodeError):  # rpm has no such names
                key = name.decode()
                rows = connection.execute("SELECT hnum FROM Basenames WHERE key = ?", (key,))
                seen.update(number for (number,) in rows)
        for number in seen:
            row = connection.execute("SELECT blob FROM Packages WHERE hnum = ?", (number,))
            for (blob,) in row:
                with contextlib.suppress(struct.error, ValueError, IndexError):  # damaged
                    package, files = parse_rpm_header(blob)
                    yield package, b"\n%b\n" % b"\n".join(files)


def parse_rpm_header(blob: bytes) -> tuple[str, list[bytes]]:
    """Return name and files of a package. Raises struct.error, ValueError or IndexError.

    The form: rpm's docs/manual/hregions.md; a count of index entries and of bytes, then both.
    """
    count, _ = struct.unpack_from(">2I", blob)
    data = blob[8 + count * _ENTRY.size :]
    found: dict[int, tuple[int, int]] = {}
    for index in range(count):
        tag, _, offset, number = _ENTRY.unpack_from(blob, 8 + index * _ENTRY.size)
        if tag in _TAGS:
            found[tag] = offset, number

    def texts(tag: int) -> list[bytes]:
        offset, number = found.get(tag, (0, 0))
        return data[offset:].split(b"\0", number)[:number]

    (name, *_) = texts(_NAME)
    at, number = found.get(_DIR_INDEXES, (0, 0))
    folders = texts(_DIR_NAMES)
    indexes = struct.unpack_from(f">{number}I", data, at)
    bases = texts(_BASE_NAMES)
    return name.decode(), [
        folders[index] + base for index, base in zip(indexes, bases, strict=True)
    ]
