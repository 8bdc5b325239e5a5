# SPDX-License-Identifier: Apache-2.0
"""One booted Debian system in systemd-nspawn, on an overlay over a cached tree.

Owns its processes, mounts and control group, and that nothing of them is left however a test ends:
the mounts live in a namespace of the container's own, the processes in a control group that is
killed as a whole. It runs on this machine's kernel, and sees all of its execs. It must not know
what is installed or tested in it.
"""

import contextlib
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.machine.running import RunningSystem, checked

_BOOT_S = 90.0
_STOP_S = 60.0
_COMMAND_S = 120.0
_TAIL_LINES = 80
_LOOK_S = 0.02
_SYSTEMD_CGROUPS = Path("/sys/fs/cgroup/systemd")
_REBOOTS = 133  # nspawn's exit status when the container is to be booted again
# Mounts the overlay where only the container sees it, and becomes nspawn, which goes with whoever
# started it and takes the container along. nspawn leaves things in /run.
_ENTER = """
echo $$ > "$CGROUP/cgroup.procs"
mount -t tmpfs tmpfs /run
mount -t overlay overlay -o "lowerdir=$TREE,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
exec setpriv --pdeathsig KILL systemd-nspawn "$@"
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def cgroup_root() -> Path:
    """Return where this machine has the unified hierarchy, alone or beside the old ones."""
    beside = Path("/sys/fs/cgroup/unified")
    return beside if beside.is_dir() else Path("/sys/fs/cgroup")


class Container(RunningSystem):
    """A context manager: entering boots it, leaving it ends all that runs in it.

    `options` are systemd-nspawn's, and take away from what it has by default.
    """

    def __init__(
        self, tree: Path, name: str = "execaudit-test", options: Sequence[str] = ()
    ) -> None:
        self.tree = tree
        self._options = options
        self.name = f"{name}-{secrets.token_hex(4)}"
        self._place = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir="/var/tmp"))
        self.cgroup = cgroup_root() / self.name
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    # -- life -------------------------------------------------------------------------------

    def _start(self) -> None:
        for name in ("upper", "work", "root"):
            (self._place / name).mkdir()
        self._notices.bind(str(self._place / "notify"))
        self.cgroup.mkdir()
        self._boot()

    def _boot(self) -> None:
        # No network but a loopback device of its own, all capabilities of this machine's root.
        options = ["--quiet", f"--directory={self._place}/root", f"--machine={self.name}", "--boot"]
        options += ["--register=no", "--keep-unit", "--notify-ready=yes", "--private-network"]
        options += ["--capability=all", "--system-call-filter=bpf perf_event_open"]
        options += ["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe"]
        options += self._options
        environment = {
            "CGROUP": str(self.cgroup),
            "NOTIFY_SOCKET": str(self._place / "notify"),
            "PATH": _PATH,
            "PLACE": str(self._place),
            # The network's settings can be changed, as systemd does when it boots.
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
            # Newer systemd refuses the old hierarchies.
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            "TREE": str(self.tree),
        }
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _ENTER, "sh"]
        with (self._place / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [*enter, *options],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                process_group=0,  # Ctrl-C is for us, who end it in order
            )
        self._wait_for_boot()

    def _wait_for_boot(self) -> None:
        """Wait until nspawn has told the container's first process and that it is up."""
        assert self._nspawn
        deadline = time.monotonic() + _BOOT_S
        told: dict[str, str] = {}
        while told.get("READY") != "1" or "X_NSPAWN_LEADER_PID" not in told:
            if self._nspawn.poll() is not None:
                self._give_up(f"nspawn ended with {self._nspawn.returncode}")
            if time.monotonic() > deadline:
                self._give_up(f"not booted after {_BOOT_S:.0f} s")
            if select.select([self._notices], [], [], 1)[0]:
                lines = self._notices.recv(65536).decode().split("\n")
                told |= dict(line.split("=", 1) for line in lines if "=" in line)
        self._leader = told["X_NSPAWN_LEADER_PID"]

    def _give_up(self, reason: str) -> None:
        raise RuntimeError(f"Failed to boot container '{self.name}': {reason}\n{self.describe()}")

    def reboot(self) -> None:
        """Reboot as an administrator does, and wait until it is up again."""
        self.run("systemctl", "reboot", check=False)  # it may be killed before it ends
        self._leader = ""
        assert self._nspawn
        if self._nspawn.wait(_STOP_S) != _REBOOTS:
            self._give_up(f"nspawn ended with {self._nspawn.returncode} instead of rebooting")
        while select.select([self._notices], [], [], 0)[0]:
            self._notices.recv(65536)  # of the boot before: it may have said more than once that
        self._boot()

    def _end(self) -> None:
        """End all that runs in it; what hangs is killed."""
        if self._nspawn is not None and self._nspawn.poll() is None and self._leader:
            with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
                self.run("systemctl", "poweroff", "--force", timeout_s=_STOP_S, check=False)
                self._nspawn.wait(_STOP_S)
        if self.cgroup.exists():
            self._kill_cgroup()
        if self._nspawn is not None:
            if self._nspawn.poll() is None:
                self._nspawn.kill()
            self._nspawn.wait()
        self._notices.close()
        shutil.rmtree(self._place)

    def _kill_cgroup(self) -> None:
        (self.cgroup / "cgroup.kill").write_text("1")
        # nspawn makes the same groups in systemd's own hierarchy, where there is one.
        for top in (self.cgroup, _SYSTEMD_CGROUPS / self.name):
            for directory in sorted([top, *top.rglob("*/")], reverse=True):
                if directory.is_dir():
                    self._remove_cgroup(directory)

    def _remove_cgroup(self, directory: Path) -> None:
        """The kernel refuses as long as a killed process is on its way out."""
        deadline = time.monotonic() + _STOP_S
        while True:
            try:
                directory.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)
            else:
                return

    # -- use --------------------------------------------------------------------------------

    def run(
        self, *command: str, check: bool = True, timeout_s: float = _COMMAND_S
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command as the container's root; with `check`, a failure raises RuntimeError."""
        done = subprocess.run(
            self.inside(*command),
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/root"},
            input="",
            timeout=timeout_s,
        )
        return checked(done, check=check)

    def inside(self, *command: str) -> list[str]:
        """The command that runs `command` in the container."""
        assert self._leader, "the container is not running"
        return ["/usr/bin/nsenter", f"--target={self._leader}", "--all", "--", *command]

    def path(self, path: str) -> Path:
        """A file of the container, as this side sees it. Absolute links lead astray."""
        return Path(f"/proc/{self._leader}/root{path}")

    def copy(self, source: Path, path: str, mode: int = 0o644) -> None:
        """Copy a file of this side into the container, as root's."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(mode)

    def describe(self, *matches: str) -> str:
        """The end of its journal, as far as it matches, and of its console, after a failure."""
        parts = []
        if self._leader:
            with contextlib.suppress(subprocess.TimeoutExpired):
                options = ["--no-pager", f"--lines={_TAIL_LINES}"]
                said = self.run("journalctl", *options, *matches, check=False, timeout_s=20)
                parts.append(f"-- journal of {self.name}\n{said.stdout}{said.stderr}")
        console = self._place / "console"
        if console.exists():
            lines = console.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
            parts.append("\n".join([f"-- console of {self.name}", *lines]))
        return "\n".join(parts)
