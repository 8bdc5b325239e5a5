# SPDX-License-Identifier: Apache-2.0
"""The package's service tested in one guest, which boots with it: installed, enabled, confined.

Owns installing this checkout's .deb into what the guest boots, and the command it runs. What is
asserted stands in `guest_service`.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.machine import core_suite, foreign, guest, rootfs
from tests.packaging.build import deb, foreign_deb

NAME = "service"
TESTS = "tests/machine/guest_service.py"
# It loads profiles at boot, as on every Debian.
SERVICES = ("apparmor.service",)
# Not under test: an emulated processor takes a hundred times as long to verify and attach.
DROP_IN = """[Service]
TimeoutStartSec=180
WatchdogSec=180
"""
# An overlay over the guests' root file system, seen by nobody else. On the emulated processor this
# would take half a minute. The guest boots a target of its own, which has to want the service.
INSTALL = """
cd "$PLACE"
mkdir lower upper work root
mount -o loop,ro "$IMAGE" lower
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root
mount --bind /dev root/dev
mount --bind /proc root/proc
cp "$PACKAGE" root/tmp/execaudit.deb
chroot root dpkg --install /tmp/execaudit.deb
rm root/tmp/execaudit.deb
chroot root systemctl --quiet enable execaudit.service
mkdir "root/etc/systemd/system/$TARGET.wants"
ln -s /lib/systemd/system/execaudit.service "root/etc/systemd/system/$TARGET.wants"
"""
UNIFIED = "unified"
_FORCE_OLD = "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller="
CONTROL_GROUPS = {UNIFIED: "", "hybrid": f"{_FORCE_OLD}0", "legacy": f"{_FORCE_OLD}1"}
"""What the kernel is told, by how systemd arranges control groups then."""
_OF_UNIFIED = "test_bounds_of_the_unit_are_the_kernels"
# For whoever looks into a failure.
DESCRIBE = """status=$?
if [ $status -ne 0 ]; then
    journalctl --no-pager --lines=60 --unit=execaudit.service
    dmesg | grep -F apparmor= | tail -20
fi
exit $status
"""


def _install(place: Path, architecture: str) -> dict[str, Path]:
    """Install the package in `place`. Returns what that adds to the root file system, by path."""
    package = deb() if architecture == rootfs.NATIVE else foreign_deb(architecture)
    environment = {
        **os.environ,
        "IMAGE": str(rootfs.userland(architecture)),
        "PACKAGE": str(package),
        "PLACE": str(place),
        "TARGET": guest.TARGET,
    }
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", INSTALL]
    with foreign.programs(architecture):
        done = subprocess.run(
            alone, stdout=-1, stderr=subprocess.STDOUT, check=False, text=True, env=environment
        )
    if done.returncode:
        raise RuntimeError(f"Failed to install the package: {done.returncode}\n{done.stdout}")
    drop_in = place / "drop-in"
    drop_in.write_text(DROP_IN)
    upper = place / "upper"
    changed = [p for p in upper.rglob("*") if p.is_symlink() or p.is_file() or _is_empty(p)]
    files = {str(path.relative_to(upper)): path for path in changed}
    return {**files, "etc/systemd/system/execaudit.service.d/emulated.conf": drop_in}


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def run(
    name: str,
    options: Sequence[str] = (),
    *,
    architecture: str = rootfs.NATIVE,
    control_groups: str = UNIFIED,
    timeout_s: float,
    show: bool = False,
) -> core_suite.Report:
    """Boot with the package under the Debian kernel `name`; `options` go to pytest."""
    pytest = ["python3", "-m", "pytest", f"--junitxml={guest.RESULT}", "--color=no", "-rA"]
    if control_groups != UNIFIED:
        pytest.append(f"--deselect={TESTS}::{_OF_UNIFIED}")
    command = f"{shlex.join([*pytest, *options, TESTS])}\n{DESCRIBE}"
    with tempfile.TemporaryDirectory(prefix="execaudit-install-", dir="/var/tmp") as place:
        result = guest.run(
            name,
            command,
            _install(Path(place), architecture),
            architecture=architecture,
            cmdline=CONTROL_GROUPS[control_groups],
            services=SERVICES,
            timeout_s=timeout_s,
            show=show,
        )
    return core_suite.read(result, (), NAME)


def is_good(report: core_suite.Report) -> bool:
    """Whether all tests of the service ran and passed."""
    counts = report.counts.get(NAME, core_suite.Counts())
    return report.guest.status == 0 and counts.passed > 0 and not counts.failed + counts.skipped
