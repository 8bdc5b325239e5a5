# SPDX-License-Identifier: Apache-2.0
"""One guest: boots a kernel in QEMU, runs one shell command in the checkout there, gives back all.

Owns the payload, the QEMU command line and how a result is told from a crash. Emulation only: where
these tests run, hardware virtualization is absent or hangs stock kernels. A guest writes nothing
that outlives it. It must not know what the command tests.
"""

import io
import os
import secrets
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.machine import machines, rootfs
from tests.machine.machines import Machine

CHECKOUT = "srv/execaudit"
RESULT = "/run/guest-result"
TARGET = "execaudit-guest.target"
MEMORY_MIB = 2048
CMDLINE = (
    "quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on"
    f" systemd.unit={TARGET} systemd.show_status=0"
)
# Nothing here is under test, and under emulation each costs up to seconds.
MASKED = (
    "apparmor.service",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "modprobe@.service",
    "systemd-hwdb-update.service",
    # It would switch on auditing of system calls, which slows every test down.
    "systemd-journald-audit.socket",
    "systemd-journal-flush.service",
    "systemd-journal-catalog-update.service",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-sysusers.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
)
# A kernel changes its own code while other processors run it. Of two emulated ones, one is seldom
# left with the breakpoint that stands there meanwhile, and dies before it has started anything. So
# does a kernel whose emulated timer does not tick in time, on a machine that is busy.
BROKEN_EMULATION = ("Oops: int3: 0000", "IO-APIC + timer doesn't work")
BOOTS = 3
UNITS = {
    TARGET: """[Unit]
Requires=basic.target execaudit-guest.service
After=basic.target
AllowIsolate=yes
""",
    "execaudit-guest.service": """[Unit]
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStart=/bin/bash /srv/guest/run
Delegate=yes
TimeoutStartSec=infinity
""",
}
# One port carries the output, one a result file. The last line holds a word made for this boot
# alone: nothing that a test or a crash prints can look like it.
RUN = f"""stty -F /dev/OUTPUT raw -echo
exec </dev/null >/dev/OUTPUT 2>&1
stty -F /dev/RESULT raw -echo
cd /{CHECKOUT}
HOME=/root PYTHONPATH=/{rootfs.TOOLS} EXECAUDIT_REQUIRE_KERNEL=1 bash /srv/guest/command
status=$?
test -e {RESULT} && cat {RESULT} >/dev/RESULT
printf '\\n%s %d\\n' "$(cat /srv/guest/word)" "$status"
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a guest left: the command's exit status (None when it did not end), output, result.

    `result` is what the command wrote to /run/guest-result, `console` the kernel's own messages.
    """

    status: int | None
    output: str
    result: str
    console: str
    seconds: float


def _checkout_files() -> list[str]:
    """What is to be tested: the tracked files, new ones that are not ignored, and the build."""
    root = rootfs.CHECKOUT
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"]
    listed = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    names |= {str(p.relative_to(root)) for p in (root / "build").rglob("*") if p.is_file()}
    return sorted(name for name in names if os.path.lexists(root / name))


def _payload(
    machine: Machine, command: str, word: str, files: Mapping[str, Path], services: Collection[str]
) -> bytes:
    """A tar of all that differs between guests, unpacked over the root file system at boot."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:

        def root_owned(info: tarfile.TarInfo) -> tarfile.TarInfo:
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            return info

        def add(name: str, text: str) -> None:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(text.encode()), 0o644, int(time.time())
            tar.addfile(info, io.BytesIO(text.encode()))

        checkout = {f"{CHECKOUT}/{name}": rootfs.CHECKOUT / name for name in _checkout_files()}
        for name, path in {**checkout, **files}.items():
            tar.add(path, name, filter=root_owned)
        for name, text in UNITS.items():
            add(f"etc/systemd/system/{name}", text)
        for name in set(MASKED) - set(services):
            link = tarfile.TarInfo(f"etc/systemd/system/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "/dev/null"
            tar.addfile(link)
        add(
            "srv/guest/run", RUN.replace("OUTPUT", machine.output).replace("RESULT", machine.result)
        )
        add("srv/guest/command", command)
        add("srv/guest/word", word)
    return out.getvalue()


def _qemu(kernel: rootfs.Kernel, directory: Path, cmdline: str) -> list[str]:
    machine = machines.MACHINES[kernel.architecture]
    # setpriv: the guest goes with whoever started it, however that one ends.
    command = ["setpriv", "--pdeathsig", "KILL", *machine.command]
    command += ["-accel", "tcg,thread=multi", "-smp", "2", "-m", str(MEMORY_MIB)]
    command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-kernel", str(kernel.image), "-initrd", str(kernel.initrd)]
    command += ["-append", f"console={machine.console} {CMDLINE} {cmdline}"]
    for image, mode in (
        (rootfs.userland(kernel.architecture), "snapshot=on,cache=unsafe"),
        (kernel.disk, "readonly=on"),
        (directory / "payload.tar", "readonly=on"),
    ):
        command += ["-drive", f"file={image},if=virtio,format=raw,{mode}"]
    command += ["-chardev", f"file,id=console,path={directory}/console"]
    command += ["-chardev", "stdio,id=output,signal=off"]
    command += ["-chardev", f"file,id=result,path={directory}/result"]
    return command + machine.ports("console", "output", "result")


def _read_all(process: subprocess.Popen[bytes], word: str, *, show: bool) -> str:
    """Collect the output until the guest is gone; `show` also copies it as it comes."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.decode(errors="replace"))
        if show and word not in lines[-1]:
            sys.stdout.write(lines[-1])
            sys.stdout.flush()
    return "".join(lines)


def run(
    name: str,
    command: str,
    files: Mapping[str, Path] | None = None,
    *,
    architecture: str = rootfs.NATIVE,
    cmdline: str = "",
    services: Collection[str] = (),
    timeout_s: float,
    show: bool = False,
) -> Result:
    """Boot the kernel `name`, run the shell script `command` in the checkout, power off.

    The command runs as root in a systemd service with a delegated cgroup. `files` are put into the
    guest besides the checkout, by their path there, without the leading slash. Of the services that
    guests do without, `services` run. A guest that does not end within `timeout_s` is killed; its
    status is then None. `cmdline` is added to the kernel's. `show` copies the output to stdout as
    it comes.
    """
    kernel = rootfs.kernel(name, architecture)
    word = f"execaudit-guest-{secrets.token_hex(16)}"
    machine = machines.MACHINES[architecture]
    payload = _payload(machine, command, word, files or {}, services)
    for _ in range(BOOTS):
        result = _boot(kernel, cmdline, payload, word, timeout_s=timeout_s, show=show)
        if result.output or not any(said in result.console for said in BROKEN_EMULATION):
            break
    return result


def _boot(
    kernel: rootfs.Kernel,
    cmdline: str,
    payload: bytes,
    word: str,
    *,
    timeout_s: float,
    show: bool,
) -> Result:
    with tempfile.TemporaryDirectory(prefix="execaudit-guest-") as name:
        directory = Path(name)
        (directory / "payload.tar").write_bytes(payload)
        qemu = _qemu(kernel, directory, cmdline)
        start = time.monotonic()
        with (
            (directory / "errors").open("wb") as errors,
            subprocess.Popen(
                qemu,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "TMPDIR": name},
            ) as process,
        ):
            watch = threading.Timer(timeout_s, process.kill)
            watch.start()
            try:
                output = _read_all(process, word, show=show)
            finally:
                # Its output is closed: it has ended, or nobody reads it any more.
                watch.cancel()
                process.kill()
        seconds = time.monotonic() - start
        body, found, status = output.rpartition(f"\n{word} ")
        console = (directory / "errors").read_text(errors="replace")
        console += (directory / "console").read_text(errors="replace")
        result = (directory / "result").read_text(errors="replace")
    if not found:
        return Result(None, output, result, console, seconds)
    return Result(int(status), body, result, console, seconds)
