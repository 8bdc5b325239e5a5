# SPDX-License-Identifier: Apache-2.0
"""The Arch package installed, upgraded and removed by pacman in a booted system.

systemd's hooks for pacman are in Arch's package of systemd, which Debian's is not: those that ours
relies on are written here, with the same triggers and the same commands.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit import __version__
from tests.machine.conftest import booted
from tests.machine.service import LOG, UNIT, Service
from tests.packaging.build import artifact
from tests.packaging.life import NOTHING, PACKAGE_TOOLS, files, run_tool, traces_of_execaudit

FILE = "/etc/execaudit/execaudit.toml"
# Names as in Arch's systemd 259, which say the order.
HOOKS = {
    "20-systemd-sysusers": ("usr/lib/sysusers.d/*.conf", "systemd-sysusers"),
    "21-systemd-tmpfiles": ("usr/lib/tmpfiles.d/*.conf", "systemd-tmpfiles --create"),
    "25-systemd-catalog": ("usr/lib/systemd/catalog/*", "journalctl --update-catalog"),
    "30-systemd-daemon-reload-system": ("usr/lib/systemd/system/*", "systemctl daemon-reload"),
    "35-systemd-restart-marked": (
        "usr/lib/systemd/system/*",
        "systemctl reload-or-restart --marked",
    ),
}
HOOK = """[Trigger]
Type = Path
Operation = Install
Operation = Upgrade
{remove}Target = {target}
[Action]
Description = {name}
When = PostTransaction
Exec = /usr/bin/{command}
"""
REQUIRED = ("libbpf", "python", "python-systemd", "systemd")
PACMAN = ("pacman", "--noconfirm", *(f"--assume-installed={name}=999" for name in REQUIRED))
# Debian's Python looks for modules elsewhere than Arch's.
PATH_FILE = "/usr/lib/python3/dist-packages/arch.pth"


def package() -> Path:
    return artifact("arch", "*.pkg.tar.zst")


@pytest.fixture(scope="module")
def younger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package under a later release."""
    tree = tmp_path_factory.mktemp("arch")
    subprocess.run(["bsdtar", "-xpf", package(), "-C", tree], check=True)
    info = tree / ".PKGINFO"
    text = re.sub(r"^(pkgver = .*)-1$", r"\1-2", info.read_text(), flags=re.MULTILINE)
    info.write_text(text)
    built = tree.parent / package().name.replace(f"{__version__}-1-", f"{__version__}-2-")
    names = sorted(path.name for path in tree.iterdir())
    subprocess.run(["bsdtar", "-cf", built, "--zstd", "-C", tree, *names], check=True)
    shutil.rmtree(tree)
    return built


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A booted system with systemd's hooks, and nothing of execaudit."""
    (modules,) = _modules()
    for container in booted(request, "bookworm", *PACKAGE_TOOLS):
        for name, (target, command) in HOOKS.items():
            remove = "Operation = Remove\n" if "reload-system" in name else ""
            text = HOOK.format(target=target, command=command, name=name, remove=remove)
            container.write(f"/usr/share/libalpm/hooks/{name}.hook", text)
        container.write(PATH_FILE, f"{modules}\n")
        yield Service(container)


def _modules() -> set[str]:
    names = subprocess.run(["bsdtar", "-tf", package()], stdout=-1, check=True, text=True).stdout
    return {f"/{found}" for found in re.findall(r"^(usr/.*-packages)/$", names, re.MULTILINE)}


def pacman(service: Service, verb: str, what: Path | str) -> str:
    return run_tool(service, PACMAN, verb, what)


def test_package_is_installed_upgraded_and_removed(host: Service, younger: Path) -> None:
    before = files(host)
    said = pacman(host, "-U", package())
    assert "error" not in said
    assert host.output("stat", "--format=%U:%G %a", FILE) == "root:execaudit 640"
    assert host.output("execaudit", "--version") == f"execaudit {__version__}"
    assert [host.show(name) for name in ("LoadState", "UnitFileState", "ActiveState")] == [
        "loaded", "disabled", "inactive"]  # fmt: skip

    host.start()
    host.container.write(FILE, "# changed\n")
    pid, word = host.pid, host.mark()
    pacman(host, "-U", younger)
    assert host.output("pacman", "-Q", "execaudit") == f"execaudit {__version__}-2"
    assert host.show("ActiveState") == "active"
    assert host.pid not in (0, pid)
    assert host.marked(word)
    assert host.marked(host.mark())
    assert host.status()["events"]["lost"] == 0
    assert host.container.path(FILE).read_text() == "# changed\n"

    pacman(host, "-R", "execaudit")
    assert traces_of_execaudit(host) == NOTHING
    left = files(host) - before
    kept = {path for path in left if path.startswith(("/var/log/execaudit", "/var/lib/execaudit"))}
    assert LOG in kept
    assert left - kept == {"/etc/execaudit", f"{FILE}.pacsave"}
    assert before - files(host) == {"/usr/share/doc"}  # empty in this system, and pacman tidies up


def test_service_that_refuses_to_be_stopped_is_removed(host: Service, younger: Path) -> None:
    pacman(host, "-U", package())
    drop_ins = f"/etc/systemd/system/{UNIT}.d"
    host.run("mkdir", "-p", drop_ins)
    host.run("cp", "-t", drop_ins, "/usr/share/execaudit/drop-ins/refuse-manual-stop.conf")
    host.run("systemctl", "daemon-reload")
    host.start()
    pid = host.pid
    pacman(host, "-U", younger)
    assert host.show("ActiveState") == "active"  # restarted: marks do not ask for permission
    assert host.pid not in (0, pid)
    pacman(host, "-R", "execaudit")
    host.run("rm", "-r", drop_ins)
    host.run("systemctl", "daemon-reload")
    assert traces_of_execaudit(host) == NOTHING
