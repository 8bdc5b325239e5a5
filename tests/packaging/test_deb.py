# SPDX-License-Identifier: Apache-2.0
"""The Debian package: policy, content, and the same bytes each time."""

import filecmp
import re
import subprocess
from pathlib import Path

import pytest

from execaudit import __version__
from tests.packaging.build import CHECKOUT, artifacts, build_into, deb

DEBIAN = CHECKOUT / "packaging/deb"
PROGRAMS = ("/execaudit-verify", "/before-removal")  # beside those in /usr/bin


def output(*command: str | Path) -> str:
    return subprocess.run(
        command, stdout=-1, stderr=subprocess.STDOUT, check=False, text=True
    ).stdout


def content() -> dict[str, str]:
    """Path to mode and owner, of all but directories."""
    lines = output("dpkg-deb", "--contents", deb()).splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    return {each[5][1:]: f"{each[0]} {each[1]}" for each in fields if each[0][0] != "d"}


def control_field(name: str) -> str:
    return output("dpkg-deb", "--field", deb(), name).strip()


def test_package_is_clean_by_policy() -> None:
    (changes,) = artifacts("deb").glob("*.changes")
    lint = output("lintian", "--pedantic", "--display-info", "--allow-root", changes)
    assert lint == ""


def test_every_lintian_override_is_used_and_says_why() -> None:
    lines = (DEBIAN / "execaudit.lintian-overrides").read_text().splitlines()
    for reason, override in zip(lines[::2], lines[1::2], strict=True):
        assert reason.startswith("# ")
        assert override.startswith("execaudit: ")


def test_two_builds_give_the_same_package(tmp_path: Path) -> None:
    build_into(tmp_path, "deb")

    assert filecmp.cmp(tmp_path / deb().name, deb(), shallow=False)


def test_package_has_the_version_of_the_program() -> None:
    assert re.fullmatch(re.escape(__version__) + r"-\d+", control_field("Version"))


def test_package_depends_on_nothing_but_the_distribution() -> None:
    names = set(re.findall(r"[a-z][\w.+-]+(?=[ ,:(]|$)", control_field("Depends")))
    assert names <= {"libbpf1", "python3", "python3-systemd", "any", "systemd",
                     "systemd-standalone-sysusers", "systemd-sysusers"}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/etc/apparmor.d/execaudit",
        "/etc/execaudit/execaudit.toml",
        "/usr/bin/execaudit",
        "/usr/lib/execaudit/bpf/execaudit-casts.bpf.o",
        "/usr/lib/execaudit/bpf/execaudit.bpf.o",
        "/usr/lib/python3/dist-packages/execaudit/cli/command_line.py",
        "/usr/lib/systemd/catalog/execaudit.catalog",
        "/usr/lib/sysusers.d/execaudit.conf",
        "/usr/lib/tmpfiles.d/execaudit.conf",
        "/usr/share/doc/execaudit/examples/logrotate",
        "/usr/share/doc/execaudit/examples/rules.d/10-noise.toml.sample",
        "/usr/share/bash-completion/completions/execaudit",
        "/usr/share/execaudit/drop-ins/engine-bcc.conf",
        "/usr/share/fish/vendor_completions.d/execaudit.fish",
        "/usr/share/man/man5/execaudit-record.5.gz",
        "/usr/share/man/man5/execaudit-rules.5.gz",
        "/usr/share/man/man5/execaudit.toml.5.gz",
        "/usr/share/execaudit/execaudit-verify",
        "/usr/share/man/man8/execaudit.8.gz",
        "/usr/share/man/man8/execaudit-convert.8.gz",
        "/usr/share/man/man8/execaudit-report.8.gz",
        "/usr/share/man/man8/execaudit-rotate.8.gz",
        "/usr/share/man/man8/execaudit-search.8.gz",
        "/usr/share/man/man8/execaudit-status.8.gz",
        "/usr/share/man/man8/execaudit-seal.8.gz",
        "/usr/share/man/man8/execaudit-top.8.gz",
        "/usr/share/man/man8/execaudit-trace.8.gz",
        "/usr/share/man/man8/execaudit-tree.8.gz",
        "/usr/share/man/man8/execaudit-verify.8.gz",
        "/usr/share/zsh/vendor-completions/_execaudit",
    ],
)
def test_package_holds(path: str) -> None:
    assert path in content()


def test_package_holds_every_module_and_the_whole_bpf_source() -> None:
    paths = content().keys()
    modules = (CHECKOUT / "execaudit").rglob("*.py")
    library = Path("/usr/lib/python3/dist-packages")
    assert {str(library / path.relative_to(CHECKOUT)) for path in modules} <= paths
    sources = (CHECKOUT / "bpf").glob("*.[ch]")
    assert {f"/usr/lib/execaudit/bpf/{path.name}" for path in sources} <= paths


def test_files_belong_to_root_and_nobody_else_may_write_them() -> None:
    for path, mode in content().items():
        is_program = path.startswith("/usr/bin/") or path.endswith(PROGRAMS)
        expected = "-rwxr-xr-x" if is_program else "-rw-r--r--"
        assert mode == f"{expected} root/root", path


def test_configuration_survives_upgrades() -> None:
    files = output("dpkg-deb", "--info", deb(), "conffiles").split()
    assert files == sorted(path for path in content() if path.startswith("/etc/"))


def test_service_is_neither_enabled_nor_started_but_restarted_by_upgrades() -> None:
    script = output("dpkg-deb", "--info", deb(), "postinst")
    assert "try-restart 'execaudit.service'" in script
    assert "deb-systemd-invoke start" not in script
    assert "if deb-systemd-helper --quiet was-enabled 'execaudit.service'" in script
