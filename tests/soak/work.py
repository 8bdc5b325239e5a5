# SPDX-License-Identifier: Apache-2.0
"""What the soaked system does all the time: the programs of an ordinary day, and storms.

Owns one function for each kind of work. Each takes seconds and leaves the daemons alone.
"""

import itertools
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.integration.building import build_programs
from tests.machine import storms
from tests.soak.place import USERS, Place

Work = Callable[[Place], None]

_STORM = 3000
_LONG = (20, 100_000)
_serial = itertools.count(1)
_CONTROL = """Package: soak-sample
Version: {version}
Architecture: all
Maintainer: execaudit's tests <root@localhost>
Description: sample of a package with scripts
"""
_SCRIPT = "#!/bin/sh\nset -e\nfor n in 1 2 3 4 5; do /bin/true soak-package; done\n"
_SHELL = 'i=0; while [ $i -lt 200 ]; do /bin/true "n$i"; test -e /etc/passwd; i=$((i+1)); done'
_MISSES = "PATH=/opt/a:/opt/b:/usr/bin; for n in 1 2 3 4 5; do env true; nosuchprogram; done; true"
# Each a program that never ran before, for the tables that remember programs.
_NEW = """
mkdir -p /run/new
for n in $(seq 40); do cp /opt/storms/tiny /run/new/p-{word}-$n; /run/new/p-{word}-$n; done
rm -r /run/new; true
"""


def build(place: Place) -> None:
    """Compile programs, as a developer does; on this machine, which both daemons see as well."""
    directory = Path(tempfile.mkdtemp(dir=place.scratch))
    build_programs(directory)
    shutil.rmtree(directory)


def upgrade_package(place: Place) -> None:
    """Install the next version of a package with scripts, or remove it."""
    version = next(_serial)
    if version % 4 == 0:
        place.container.run("dpkg", "--remove", "soak-sample")
        return
    tree = Path(tempfile.mkdtemp(dir=place.scratch))
    tree.chmod(0o755)
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(_CONTROL.format(version=version))
    for script in ("preinst", "postinst", "prerm", "postrm"):
        (control / script).write_text(_SCRIPT)
        (control / script).chmod(0o755)
    package = place.scratch / "soak-sample.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    place.service.install(package)


def log_in(place: Place) -> None:
    """Open a session of a user through PAM, with a login uid and an audit session of its own."""
    user = USERS[next(_serial) % len(USERS)]
    session = ["systemd-run", "--quiet", "--wait", f"--uid={user}", "-p", "PAMName=login"]
    place.container.run(*session, "bash", "-lc", "id; ls -l /; groups | sort", check=False)


def run_container(place: Place) -> None:
    """Start processes in namespaces of their own, in a control group as docker names it."""
    unit = f"--unit=docker-{secrets.token_hex(32)}.scope"
    inner = ["unshare", "--fork", "--pid", "--mount-proc", "--uts", "--ipc", "--net"]
    place.container.run(
        "systemd-run", "--quiet", "--scope", unit, *inner, "sh", "-c", "hostname; ls /; id; true"
    )


def storm(place: Place) -> None:
    """Execute on all processors at full speed."""
    storms.storm(place.service, _STORM, "storm-of-soak")


def use_long_arguments(place: Place) -> None:
    """Execute with arguments that take many pieces."""
    count, size = _LONG
    place.service.run("ln", "-f", f"{storms.PLACE}/tiny", f"{storms.PLACE}/long")
    long = f"{storms.PLACE}/long"
    place.container.run(f"{storms.PLACE}/storm", str(count), "vfork", long, str(size))


def run_shell(place: Place) -> None:
    """Run a shell script that executes one program after the other."""
    place.container.run("sh", "-c", _SHELL)


def search_path(place: Place) -> None:
    """Execute what is in the last directory of PATH, or nowhere."""
    place.container.run("sh", "-c", _MISSES)


def run_new_programs(place: Place) -> None:
    """Execute programs that nobody has executed before."""
    place.container.run("sh", "-c", _NEW.format(word=secrets.token_hex(6)))


ALL: tuple[Work, ...] = (
    *(run_shell, log_in, upgrade_package, run_container, storm),
    *(search_path, use_long_arguments, run_new_programs, build),
)
