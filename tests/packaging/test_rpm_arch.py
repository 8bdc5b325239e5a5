# SPDX-License-Identifier: Apache-2.0
"""The packages for Fedora and its like, and for Arch: what they hold, and the same each time."""

import filecmp
import os
import re
import subprocess
from pathlib import Path

import pytest

from execaudit import __version__
from tests.machine.system import tree
from tests.packaging.build import CHECKOUT, artifact, build_into

PATTERNS = {"rpm": "*.rpm", "arch": "*.pkg.tar.zst"}
EXPECTED = (
    "/etc/execaudit/conf.d",
    "/etc/execaudit/execaudit.toml",
    "/usr/bin/execaudit",
    "/usr/lib/execaudit/bpf/execaudit.bpf.c",
    "/usr/lib/execaudit/bpf/execaudit.bpf.o",
    "/usr/lib/systemd/system/execaudit.service",
    "/usr/lib/systemd/catalog/execaudit.catalog",
    "/usr/lib/sysusers.d/execaudit.conf",
    "/usr/lib/tmpfiles.d/execaudit.conf",
    "/usr/share/bash-completion/completions/execaudit",
    "/usr/share/zsh/site-functions/_execaudit",
)


# In the tree of a system, so that the scriptlets have what they call. Its own Python looks for
# modules elsewhere than Fedora's.
RPM_LIFE = """
rpm="rpm --root $PWD/root --nodeps"
$rpm --install "$PACKAGE" 2>/dev/null
$rpm --verify execaudit
chroot root sh -c 'stat -c "%U:%G %a %n" /etc/execaudit /etc/execaudit/*.d /etc/execaudit/*.toml'
grep '^execaudit:' root/etc/passwd | cut -d : -f 1,6,7
modules=$(echo root/usr/lib/python3.*/site-packages)
PYTHONPATH=${modules#root} chroot root execaudit --version
PYTHONPATH=${modules#root} chroot root execaudit check >/dev/null
chroot root systemctl is-enabled execaudit || true
echo '# changed' >root/etc/execaudit/execaudit.toml
$rpm --verify execaudit || true
$rpm --upgrade --force "$PACKAGE" 2>/dev/null
cat root/etc/execaudit/execaudit.toml
$rpm --erase execaudit 2>/dev/null
find root/etc root/usr root/var/log -name '*execaudit*' -not -type d | sed s/^root//
"""


def run(*command: str | Path, check: bool = True) -> str:
    done = subprocess.run(command, stdout=-1, stderr=subprocess.STDOUT, check=check, text=True)
    return str(done.stdout)


def run_over(system: Path, script: str, place: Path, **variables: str) -> str:
    """Run a script beside `root`, a copy of a system's tree that is gone after it."""
    prepare = """cd "$PLACE"; mkdir upper work root; mount -t tmpfs tmpfs /run
mount -t overlay overlay -o "lowerdir=$SYSTEM,upperdir=upper,workdir=work" root
mount --bind /proc root/proc; mount --bind /dev root/dev
"""
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", prepare + script]
    environment = {**os.environ, "PLACE": str(place), "SYSTEM": str(system), **variables}
    return subprocess.run(alone, stdout=-1, check=True, text=True, env=environment).stdout


def content(package_format: str) -> set[str]:
    package = artifact(package_format, PATTERNS[package_format])
    if package_format == "rpm":
        return set(run("rpm", "--query", "--list", "--package", package).split("\n"))
    return {f"/{name.rstrip('/')}" for name in run("bsdtar", "-tf", package).splitlines()}


@pytest.mark.parametrize("package_format", PATTERNS)
def test_package_holds_what_a_system_service_needs(package_format: str) -> None:
    paths = content(package_format)

    assert set(EXPECTED) <= paths
    module = re.compile(r"/(?:site|dist)-packages/(?:.*/)?execaudit/cli/__init__\.py$")
    assert any(map(module.search, paths))
    assert any(path.startswith("/usr/share/man/man5/execaudit-record.5") for path in paths)


@pytest.mark.parametrize("package_format", PATTERNS)
def test_package_has_the_version_of_the_program(package_format: str) -> None:
    name = artifact(package_format, PATTERNS[package_format]).name
    assert name.startswith(f"execaudit-{__version__}-1")


@pytest.mark.parametrize("package_format", PATTERNS)
def test_two_builds_give_the_same_package(package_format: str, tmp_path: Path) -> None:
    build_into(tmp_path, package_format)

    first = artifact(package_format, PATTERNS[package_format])
    assert filecmp.cmp(tmp_path / first.name, first, shallow=False)


def test_command_of_arch_runs_the_system_python() -> None:
    package = artifact("arch", PATTERNS["arch"])
    script = run("bsdtar", "-xOf", package, "usr/bin/execaudit")

    assert script.startswith("#!/usr/bin/python3\n")


def test_rpm_is_clean_by_policy() -> None:
    spec = CHECKOUT / "packaging/rpm/execaudit.spec"
    config = CHECKOUT / "packaging/rpm/rpmlint.toml"
    said = run("rpmlint", "-c", config, artifact("rpm", PATTERNS["rpm"]), spec)
    assert "1 packages and 1 specfiles checked; 0 errors, 0 warnings" in said, said


@pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root takes root")
def test_rpm_is_installed_upgraded_and_removed(tmp_path: Path) -> None:
    package = artifact("rpm", PATTERNS["rpm"])
    said = run_over(tree("bookworm"), RPM_LIFE, tmp_path, PACKAGE=str(package)).splitlines()

    assert said[:4] == ["root:execaudit 750 /etc/execaudit",
                        "root:execaudit 750 /etc/execaudit/conf.d",
                        "root:execaudit 750 /etc/execaudit/rules.d",
                        "root:execaudit 640 /etc/execaudit/execaudit.toml"]  # fmt: skip
    assert said[4:] == [
        "execaudit:/var/lib/execaudit:/usr/sbin/nologin",
        f"execaudit {__version__}",
        "disabled",
        "S.5....T.  c /etc/execaudit/execaudit.toml",
        "# changed",
        "/etc/execaudit/execaudit.toml.rpmsave",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="installing into a root takes root")
def test_arch_package_is_installed_upgraded_and_removed(tmp_path: Path) -> None:
    root, package = tmp_path / "root", artifact("arch", PATTERNS["arch"])
    (root / "var/lib/pacman").mkdir(parents=True)
    pacman = ["pacman", "--root", str(root), "--noconfirm"]
    run(*pacman, "-Udd", package)
    # Its hooks are in the package of systemd, which this root does not have.
    run("systemd-sysusers", f"--root={root}")
    run("systemd-tmpfiles", f"--root={root}", "--create", "execaudit.conf")

    user = re.search(r"^execaudit:x:\d+:(\d+):", (root / "etc/passwd").read_text(), re.MULTILINE)
    config = root / "etc/execaudit/execaudit.toml"
    assert user
    for path, mode in ((config.parent, 0o40750), (config, 0o100640)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode) == (0, int(user[1]), mode)
    # Besides what systemd-tmpfiles has changed, all is as it was packed.
    altered = re.findall(r" (/\S+) \(", run(*pacman, "-Qkk", "execaudit", check=False))
    assert {path.removeprefix(str(root)) for path in altered} == {
        "/etc/execaudit",
        "/etc/execaudit/conf.d",
        "/etc/execaudit/execaudit.toml",
        "/etc/execaudit/rules.d",
    }

    config.write_text("# changed\n")
    run(*pacman, "-Udd", package)
    assert config.read_text() == "# changed\n"
    run(*pacman, "-Rdd", "execaudit")
    left = {str(p.relative_to(root)) for p in root.rglob("*execaudit*") if p.is_file()}
    assert left == {"etc/execaudit/execaudit.toml.pacsave"}


def documented(command: str) -> set[str]:
    """Packages that docs/install.md has a reader install before building."""
    lines = (CHECKOUT / "docs/install.md").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith(command) and "git" in each]
    return set(run("bash", "-c", f"echo {line.removeprefix(command)}").split())


def test_guide_installs_what_building_the_rpm_needs() -> None:
    spec = (CHECKOUT / "packaging/rpm/execaudit.spec").read_text()
    needed = set(re.findall(r"^BuildRequires: +(\S+)", spec, re.MULTILINE))
    # What %pyproject_buildrequires asks for besides.
    generated = {f"python3-{name}" for name in ("packaging", "pip", "setuptools", "wheel")}
    assert needed | generated <= documented("dnf install ")


def test_guide_installs_what_building_for_arch_needs() -> None:
    names = 'echo "${depends[@]} ${makedepends[@]}"'
    needed = set(run("bash", "-c", f"source {CHECKOUT}/packaging/arch/PKGBUILD; {names}").split())
    there = {"make", "python", "systemd"}  # in base-devel, with python-build, in every system
    assert needed - there <= documented("pacman -S --needed ")
