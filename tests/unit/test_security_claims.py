# SPDX-License-Identifier: Apache-2.0
"""The figures and settings that SECURITY.md states are those of the code and of the unit."""

import re
from pathlib import Path

import pytest

from execaudit.config.schema import Capture, Limits
from execaudit.config.seal import Seal

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = " ".join((_ROOT / "SECURITY.md").read_text(encoding="utf-8").split())


def _service() -> dict[str, list[str]]:
    """Return the settings of the unit's [Service] section; a name may have several values."""
    settings: dict[str, list[str]] = {}
    section = ""
    for line in (_ROOT / "systemd/execaudit.service").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            settings.setdefault(name, []).append(value)
    return settings


@pytest.mark.parametrize(
    ("claim", "name", "value"),
    [
        ("the user `execaudit`", "User", "execaudit"),
        ("CAP_BPF and CAP_PERFMON, no third", "CapabilityBoundingSet", "CAP_BPF CAP_PERFMON"),
        ("it has no network", "PrivateNetwork", "yes"),
        ("Only root and the group `execaudit` can read the log", "LogsDirectoryMode", "0750"),
        ("systemd starts it again at once", "Restart", "always"),
        ("lets the kernel kill others first", "OOMScoreAdjust", "-900"),
    ],
)
def test_the_unit_has_what_the_page_says(claim: str, name: str, value: str) -> None:
    assert claim in _PAGE
    assert _service()[name] == [value]


def test_the_service_may_execute_its_own_interpreter_alone() -> None:
    assert "its own interpreter" in _PAGE
    assert _service()["NoExecPaths"] == ["/"]
    (paths,) = _service()["ExecPaths"]
    assert paths.split() == ["/usr/bin/execaudit", "/usr/bin/python3", "/usr/lib", "-/usr/lib64"]


def test_defaults_of_the_configuration_are_those_of_the_page() -> None:
    assert "Beyond 64 KiB (`capture.argv_bytes`, at most 1 MiB)" in _PAGE
    assert Capture().argv_bytes == 64 << 10
    assert "The service records them by default (`capture.failures`)" in _PAGE
    assert Capture().failures == "collapsed"
    assert "64 MiB of arguments at once and 256 KiB a minute (`limits.bytes_per_user`)" in _PAGE
    rate = Limits().bytes_per_user
    assert rate is not None
    assert (rate.burst, rate.count, rate.per_s) == (64 << 20, 256 << 10, 60)
    assert "the last 10 seconds by default" in _PAGE
    assert Seal().interval == 10


def test_bounds_of_the_code_are_those_of_the_page() -> None:
    sources = {
        r"_ALWAYS_BYTES = (\d+)": (
            "execaudit/daemon/limits.py",
            "{} bytes of each record are kept",
        ),
        r"_NAMES_LIMIT = (\d+)": ("execaudit/records/users.py", "looks names up once and keeps {}"),
        r"ORIGIN_ENTRIES (\d+)": ("bpf/wire.h", "remembers {} forks"),
    }
    for pattern, (source, claim) in sources.items():
        found = re.search(pattern, (_ROOT / source).read_text(encoding="utf-8"))
        assert found is not None, pattern
        assert claim.format(f"{int(found[1]):,}") in _PAGE
