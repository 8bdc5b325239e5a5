# SPDX-License-Identifier: Apache-2.0
"""Hosts of a small network: each with a root file system, a name, mounts and a network of its own.

Owns the namespaces, the wires between them and every process started in them; leaving a block ends
all of it, and should the tests be killed, the kernel does. Shippers and receivers run here as plain
processes, with the files where an administrator would put them; there is no service manager. It
must not know what runs in a host.
"""

import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.integration.requirements import DEADLINE_S
from tests.shippers.roots import root

_NETWORK = "192.0.2"
# Arguments: base, place, log directory, name, machine id. Mounts go away with the namespace. /dev
# is its own, as shippers make /dev/log; /run is the host's for guests too, with journald's socket.
_PREPARE = r"""
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t tmpfs tmpfs dev
for device in null zero full random urandom; do
	touch dev/$device
	mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
mount --rbind /proc proc
mount --rbind /sys sys
mount -t tmpfs tmpfs run
mount --bind run /run
mount -t tmpfs tmpfs tmp
mkdir -p run/systemd/journal run/log var/log/execaudit
mount --bind "$3" var/log/execaudit
hostname "$4"
echo 512 > /proc/sys/net/unix/max_dgram_qlen
echo "$4" > etc/hostname
echo "$5" > etc/machine-id
printf '127.0.0.1 localhost\n192.0.2.1 central logs.example.com\n' > etc/hosts
ip link set lo up
[ "$4" != central ] || { ip link add wire type bridge; ip addr add 192.0.2.1/24 dev wire
	ip link set wire up; }
echo ready
exec chroot . sleep infinity
"""


class Host:
    """A host. `place` is a directory of its own, `log` the one it sees as /var/log/execaudit."""

    def __init__(self, kind: str, name: str, place: Path, log: Path) -> None:
        self.name = name
        self._place = place
        for folder in ("upper", "work", "root"):
            (place / folder).mkdir(parents=True)
        log.mkdir(exist_ok=True)
        arguments = [str(root(kind)), str(place), str(log), name, uuid.uuid4().hex]
        self._processes: list[subprocess.Popen[bytes]] = []
        separate = ["unshare", "--mount", "--uts", "--net", "--ipc", "--propagation", "private"]
        self._init = subprocess.Popen(
            [*_MORTAL, *separate, "sh", "-ec", _PREPARE, "sh", *arguments], stdout=subprocess.PIPE
        )
        assert self._init.stdout
        assert self._init.stdout.readline() == b"ready\n", f"host '{name}' could not be set up"
        self._enter = ["nsenter", "-t", str(self._init.pid), "-m", "-u", "-n", "-i"]

    @property
    def pid(self) -> int:
        """The process that keeps it alive."""
        return self._init.pid

    def path(self, path: str) -> Path:
        """Where a file of the host is seen from outside."""
        return Path(f"/proc/{self.pid}/root", path.lstrip("/"))

    def change(self, path: str, old: str, new: str) -> None:
        """Replace text that must be in a file."""
        text = self.path(path).read_text()
        assert old in text, f"no {old!r} in '{path}'"
        self.path(path).write_text(text.replace(old, new))

    def put(self, source: Path, target: str) -> None:
        """Copy a file in, byte for byte."""
        self.path(target).parent.mkdir(parents=True, exist_ok=True)
        self.path(target).write_bytes(source.read_bytes())

    def command(self, *command: str) -> list[str]:
        """What to run outside so that `command` runs inside."""
        return [*self._enter, "-r", "-w", *command]

    def as_guest(self, *command: str) -> list[str]:
        """The same with the machine's root file system, but this host's name, network, /run."""
        stay = f"--wdns={Path.cwd()}"
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-n", stay, *command]

    def run(self, *command: str) -> bytes:
        """Run a program that must succeed; its output."""
        done = subprocess.run(self.command(*command), check=False, capture_output=True)
        said = (done.stderr + done.stdout).decode(errors="replace")
        assert done.returncode == 0, f"{self.name}: {command} ended with {done.returncode}: {said}"
        return done.stdout

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program in the foreground; what it says goes to `said`."""
        with (self._place / "said").open("ab") as said:
            process = subprocess.Popen(
                [*_MORTAL, *self.command(*command)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def end(self, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        """Send a signal to a program started here, and all that it has started, and wait."""
        os.killpg(process.pid, number)
        process.wait(DEADLINE_S)

    def said(self) -> str:
        """All that programs started here have said."""
        return (self._place / "said").read_text(errors="replace")

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._init.kill()
        self._init.wait()
        if self._init.stdout:
            self._init.stdout.close()


# Whoever kills the tests kills the hosts.
_MORTAL = ["setpriv", "--pdeathsig", "KILL", "--"]


def connect(central: Host, host: Host, number: int) -> None:
    """Lay a wire: `host` gets the address 192.0.2.NUMBER."""
    names = ["ip", "link", "add", "eth0", "netns", str(host.pid), "type", "veth"]
    peer = ["peer", "name", f"to-{number}", "netns", str(central.pid)]
    subprocess.run([*names, *peer], check=True)
    for inside, command in (
        (host, f"ip addr add {_NETWORK}.{number}/24 dev eth0"),
        (host, "ip link set eth0 up"),
        (central, f"ip link set to-{number} master wire up"),
    ):
        subprocess.run(inside.as_guest(*command.split()), check=True)


@contextlib.contextmanager
def network(
    place: Path, kinds: dict[str, str], receiver: str = "rsyslog"
) -> Iterator[tuple[Host, dict[str, Host]]]:
    """A host `central` with the receiver's programs, and one for each name in `kinds`.

    Each host's log directory is PLACE/NAME/log. Their processes end with the block.
    """
    hosts: list[Host] = []
    try:
        for name, kind in {"central": receiver, **kinds}.items():
            (place / name).mkdir()
            hosts.append(Host(kind, name, place / name, place / name / "log"))
        central, *others = hosts
        for number, host in enumerate(others, start=2):
            connect(central, host, number)
        yield central, {host.name: host for host in others}
    finally:
        for host in hosts:
            host.close()
