# SPDX-License-Identifier: Apache-2.0
"""Checks of what is installed: libraries, Python modules, kernel headers, journald.

Owns where these are looked for. It imports no module that it looks for: BCC would leave a compiler
in this process.
"""

import json
import re
import socket
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path

from execaudit.doctor.check import Check
from execaudit.sinks.retention import days_kept, journal_room

_STATUS = "run/execaudit/status.json"
_FEW_DAYS = 7
_JOURNAL_SOCKET = "run/systemd/journal/socket"
_BCC = (
    "your distribution's BCC for Python (Debian: python3-bpfcc, Fedora: python3-bcc, Arch:"
    " python-bcc)"
)
_HEADERS = (
    "Debian: linux-headers-$(dpkg --print-architecture), Fedora: kernel-devel, Arch: linux-headers"
)
_LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib")


def check_installed(
    root: Path, release: str, environ: Mapping[str, str], path: list[str] | None = None
) -> list[Check]:
    """Return all checks of this module. `path` replaces sys.path if given."""
    return [
        check_bcc(root, release, environ, path),
        check_orjson(path),
        check_systemd(path),
        check_journal(root),
        check_journal_room(root),
    ]


def check_bcc(
    root: Path, release: str, environ: Mapping[str, str], path: list[str] | None
) -> Check:
    """Check for BCC's Python module, its library, and kernel headers to compile with."""
    name = "engine bcc"
    folder = _package_folder("bcc", path)
    if folder is None:
        return Check(name, "warn", "no Python module bcc", f"Install {_BCC} to use this engine.")
    if not (folder / "libbcc.py").exists():
        found = f"{folder} is an unrelated package of the same name"
        return Check(name, "warn", found, f"Uninstall that package, then: install {_BCC}.")
    found = f"bcc {_bcc_version(folder)}"
    if not any(any(root.glob(f"{libraries}/libbcc.so.0")) for libraries in _LIBRARY_FOLDERS):
        return Check(name, "warn", f"{found} without libbcc.so.0", f"Install {_BCC} again.")
    headers = find_headers(root, release, environ)
    if headers is None:
        advice = f"Install kernel headers ({_HEADERS}) to use this engine."
        return Check(name, "warn", f"{found}, no kernel headers", advice)
    return Check(name, "pass", f"{found}, headers {headers}")


def find_headers(root: Path, release: str, environ: Mapping[str, str]) -> str | None:
    """Return where the bcc engine finds headers to compile with; None for nowhere.

    Without BTF the offsets come from the headers, so only the headers of exactly this kernel serve.
    """
    own = f"/lib/modules/{release}/build"
    has_own = (root / own[1:]).exists()
    if not (root / "sys/kernel/btf/vmlinux").exists():
        return own if has_own else None
    given = environ.get("BCC_KERNEL_SOURCE")
    if given:
        return f"{given} (BCC_KERNEL_SOURCE)" if (root / given.lstrip("/")).is_dir() else None
    if has_own:
        return own
    if (root / "sys/kernel/kheaders.tar.xz").exists():
        return "/sys/kernel/kheaders.tar.xz"
    others = sorted((root / "lib/modules").glob("*/build/include/generated"))
    if not others:
        return None
    return f"/{others[-1].parents[1].relative_to(root)} (another kernel's, BTF gives the offsets)"


def check_orjson(path: list[str] | None) -> Check:
    """Check for orjson. Records are the same without it, byte for byte."""
    if _package_folder("orjson", path):
        return Check("orjson", "pass", "installed")
    found = "not installed: the standard library's json is used"
    advice = "Install python3-orjson, where your distribution has it, to write JSON faster."
    return Check("orjson", "warn", found, advice)


def check_systemd(path: list[str] | None) -> Check:
    """Check for systemd's Python module, which `convert --journal` needs."""
    folder = _package_folder("systemd", path)
    if folder and (folder / "journal.py").exists():
        return Check("systemd-python", "pass", "installed")
    found = "not installed" if folder is None else f"{folder} is an unrelated package"
    advice = "Install your distribution's python3-systemd, to read records back from the journal"
    return Check("systemd-python", "warn", found, f"{advice} (convert --journal).")


def check_journal(root: Path) -> Check:
    """Check that journald's socket takes a connection."""
    path = root / _JOURNAL_SOCKET
    advice = "Start systemd-journald, if records are to go there."
    if not path.exists():
        return Check("journald", "warn", f"no /{_JOURNAL_SOCKET}", advice)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            return Check("journald", "warn", f"/{_JOURNAL_SOCKET}: {error.strerror}", advice)
    return Check("journald", "pass", f"/{_JOURNAL_SOCKET} takes connections")


def check_journal_room(root: Path) -> Check:
    """Check for how many days the common journal has room, at the running daemon's rate."""
    room_bytes = journal_room(root)
    size = f"{room_bytes >> 20} MiB for all services"
    try:
        status = json.loads((root / _STATUS).read_bytes())
        sink, seconds = status["sinks"]["journal"], status["uptime_s"]
        days = days_kept(sink, seconds, room_bytes, 0)
    except (OSError, ValueError, KeyError, TypeError):
        days = None
    if not room_bytes or days is None:
        return Check("journal room", "pass", size if room_bytes else "not known")
    found = f"{size}: full after {days:,.1f} days of execs alone, at the present rate"
    if days >= _FEW_DAYS:
        return Check("journal room", "pass", found)
    advice = "Give execs a journal of their own (drop-in log-namespace), the file alone ([journal]"
    advice += " enabled = false), or the journal more room (SystemMaxUse=): they push out what"
    advice += " other services wrote."
    return Check("journal room", "warn", found, advice)


def _package_folder(name: str, path: list[str] | None) -> Path | None:
    spec = PathFinder.find_spec(name, path)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _bcc_version(folder: Path) -> str:
    try:
        text = (folder / "version.py").read_text(errors="replace")
    except OSError:
        return "(unknown version)"
    match = re.search(r"""__version__\s*=\s*['"]([^'"]+)""", text)
    return match[1] if match else "(unknown version)"
