# SPDX-License-Identifier: Apache-2.0
"""Programs that run another one whose name and arguments follow theirs: sudo, env, docker exec.

Owns the table of them and where in their arguments the other command begins. Without this, a
program would have to be looked for in every argument, and `find -name mysql -print` would hold a
password.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from execaudit.records.redaction.finding import FOLD

_VERB_WITHIN = 12  # words
_ASSIGNMENT = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")


class Prefix(NamedTuple):
    """An entry of the table.

    Attributes:
        programs: base names, separated by blanks.
        valued: options that take the next argument, separated by blanks.
        skip: words of its own before the command, such as the host of ssh.
        verbs: one of these comes first, such as the `exec` of docker.
        markers: the command begins right after one of these.
        flags: where not empty, all `--options` but these take the next argument.
        is_shell: an argument after `-c` is a command line.
        is_runner: all arguments with blanks are command lines, as for ssh and watch.

    """

    programs: str
    valued: str = ""
    skip: int = 0
    verbs: str = ""
    markers: str = ""
    flags: str = ""
    is_shell: bool = False
    is_runner: bool = False


_CONTAINER_FLAGS = (
    "--rm --detach --interactive --tty --privileged --init --read-only --publish-all --quiet"
    " --no-healthcheck --oom-kill-disable --sig-proxy --replace --tls-verify --no-hosts --rmi"
    " --disable-content-trust --latest --service-ports --no-deps --build"
)
PREFIXES = (
    # Other users
    Prefix(
        "sudo doas run0 pkexec dzdo pfexec",
        "-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot"
        " --close-from --role --type --other-user --command-timeout",
    ),
    Prefix("gosu su-exec setuidgid s6-setuidgid", skip=1),
    Prefix("setpriv chpst capsh", "-u -U -b -e -/ -n -m -d -o"),
    # Shells
    Prefix(
        "sh bash dash zsh ksh mksh ash fish csh tcsh rbash posh yash nu su runuser",
        "-c -o -O --rcfile --init-file -s -g -G -w -u --command",
        is_shell=True,
    ),
    Prefix("cmd cmd.exe", markers="/c /C /k /K", is_shell=True),
    Prefix("at batch", "-f -q -t -c", is_shell=True),
    Prefix("adb", "-s -t -H -P -L", verbs="shell", is_runner=True),
    Prefix("flock", "-w -E -c --timeout --wait", skip=1, is_shell=True),
    Prefix("script sg newgrp", "-c -I -O -B -T -m -E -o --command", skip=1, is_shell=True),
    Prefix("screen", "-S -h -e -t -c -T -s -p -L -X -r -x"),
    Prefix(
        "tmux watch eval parallel sem entr xterm gnome-terminal konsole nodemon concurrently"
        " hyperfine xfce4-terminal alacritty kitty urxvt",
        "-n -w -t -s -c -g -j -S -L -f -T --interval",
        is_runner=True,
    ),
    Prefix(
        "ssh autossh mosh dbclient rsh slogin",
        "-B -b -c -D -E -e -F -I -i -J -L -l -m -M -O -o -p -Q -R -S -W -w",
        skip=1,
        is_runner=True,
    ),
    Prefix(
        "plink winexe pth-winexe",
        "-P -l -pw -i -U -m -D -L -R -load -hostkey -pwfile",
        skip=1,
        is_runner=True,
    ),
    Prefix(
        "ansible salt salt-ssh salt-call",
        "-w -x -l -h -H -g -m -M -a -i -u -f",
        skip=1,
        is_runner=True,
    ),
    Prefix(
        "pdsh clush pssh parallel-ssh prun mussh",
        "-w -x -l -h -H -g -X -f -u -t -o -e -p -O -R --hosts --hostfile --host --user --outdir"
        " --errdir --timeout --par --option --group --fanout",
        is_runner=True,
    ),
    Prefix("dsh onall rgang", "-m -g -f -r -o -F", is_runner=True),
    Prefix("sshpass", "-p -f -d -P"),
    # Process attributes
    Prefix("env", "-u --unset -C --chdir -S"),
    Prefix("timeout gtimeout", "-k -s --kill-after --signal", skip=1),
    Prefix("nice", "-n --adjustment"),
    Prefix("ionice", "-c -n -p -P -u"),
    Prefix("chrt", "-T -P -D -p", skip=1),
    Prefix("taskset", "-p", skip=1),
    Prefix("stdbuf", "-i -o -e"),
    Prefix(
        "nohup setsid command builtin exec chronic unbuffer linux32 linux64 setarch i386 eatmydata"
        " dumb-init tini catatonit fakeroot fakechroot torsocks torify tsocks usewithtor busybox"
        " toybox run-one dbus-run-session spawn ts noti retry sponge rlwrap",
        "-a -g -s -t -d",
    ),
    Prefix("time gtime", "-f -o"),
    Prefix("proxychains proxychains4", "-f"),
    Prefix("faketime cgexec cpulimit softlimit", "-g -l -p -e", skip=1),
    Prefix(
        "systemd-cat systemd-inhibit", "-t -p --identifier --priority --what --who --why --mode"
    ),
    Prefix("xvfb-run", "-e -f -n -p -s -w --server-args --server-num"),
    Prefix("strace ltrace valgrind uftrace", "-e -o -p -s -u -a -I -O -P -S -X -E -b"),
    Prefix("perf rr", "-e -o -p -F -C -a", verbs="stat record trace"),
    Prefix("gdb lldb", markers="--args --"),
    Prefix(
        "xargs gxargs",
        "-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs"
        " --max-lines --max-chars",
    ),
    Prefix("find gfind fd fdfind bfs", markers="-exec -execdir -ok -okdir --exec --exec-batch"),
    Prefix("start-stop-daemon", markers="--exec -x --startas -a --"),
    # Containers and other roots
    Prefix(
        "chroot schroot proot arch-chroot", "-c -u -w -b -r --userspec --groups --chroot", skip=1
    ),
    Prefix(
        "unshare nsenter bwrap firejail numactl prlimit runcon",
        "-t -S -G -w -u -R --target"
        " --setuid --setgid --root --wd --bind --ro-bind --dev --proc --tmpfs --chdir --setenv",
    ),
    Prefix(
        "systemd-run systemd-nspawn",
        "-p -u -M -E -D -t --unit --property --slice --uid --gid"
        " --description --setenv --machine --working-directory --directory",
    ),
    Prefix(
        "docker podman nerdctl docker-compose podman-compose finch",
        "-e -v -u -w -p -l -h -m -a -c -f --index",
        skip=1,
        verbs="exec run create",
        flags=_CONTAINER_FLAGS,
    ),
    Prefix(
        "kubectl oc k3s microk8s.kubectl crictl kubecolor",
        "-n -c -f -l --namespace --container",
        skip=1,
        verbs="exec rsh",
        markers="--",
    ),
    Prefix(
        "singularity apptainer",
        "-B -H -W -c",
        skip=1,
        verbs="exec run",
        flags="--nv --rocm --contain --cleanenv --writable --fakeroot --writable-tmpfs",
    ),
    Prefix(
        "lxc incus distrobox distrobox-enter toolbox multipass flatpak-spawn vagrant gcloud nomad"
        " limactl wsl.exe wsl machinectl heroku flyctl snap lxc-attach",
        markers="--",
    ),
    # Environments
    Prefix(
        "aws-vault chamber doppler op envconsul infisical dotenv direnv teller berglas summon sops"
        " vaultenv consul-template",
        markers="--",
    ),
    Prefix("nix-shell nix guix", markers="-- --run --command -c", is_runner=True),
    Prefix(
        "poetry pipenv uv rye pdm hatch pixi conda mamba micromamba bundle npm pnpm yarn pipx",
        "--project --directory -C -n -p --package --with",
        verbs="run exec dlx",
    ),
    Prefix("npx bunx uvx pnpx", "-p --package --with --from"),
    # Interpreters: the kernel puts them before the script that names them
    Prefix(
        "python python2 python3 pypy pypy3 perl ruby node nodejs php lua tclsh wish rscript bun"
        " deno",
        "-W -X -e -E -I -r",
    ),
    Prefix("expect", "-c -d -D -f -b"),
    Prefix(
        "pwsh powershell pwsh.exe powershell.exe pwsh-preview",
        "-f -File -file -ep -ExecutionPolicy -wd -WorkingDirectory",
        is_runner=True,
    ),
    Prefix("java", markers="-jar -cp -classpath"),
)
"""The table."""

_INTERPRETERS = ("python", "perl", "php", "ruby", "lua", "tclsh", "node")
_VERSIONS = ("0", "0.0", "0.00", "00")  # digits are folded
_BY_NAME = {name: prefix for prefix in PREFIXES for name in prefix.programs.split()}
_BY_NAME |= {
    name + version: _BY_NAME[name]
    for name in _INTERPRETERS
    for version in _VERSIONS
    if name in _BY_NAME
}
_BY_BYTES = {name.encode().translate(FOLD): prefix for name, prefix in _BY_NAME.items()}


def prefix_names() -> Iterable[bytes]:
    """Return the base names of all, their digits folded."""
    return _BY_BYTES


def program_name(word: bytes) -> bytes:
    """Return the base name of a program, as the table has it: lower case, digits folded."""
    return word.rpartition(b"/")[2].lower().translate(FOLD)


def find_prefix(name: bytes) -> Prefix | None:
    """Return the entry of a program by its base name, lower case and digits folded."""
    return _BY_BYTES.get(name)


class _Words(NamedTuple):
    valued: frozenset[bytes]
    verbs: frozenset[bytes]
    markers: frozenset[bytes]
    flags: frozenset[bytes]


@lru_cache(maxsize=256)
def _split(prefix: Prefix) -> _Words:
    texts = (prefix.valued, prefix.verbs, prefix.markers, prefix.flags)
    return _Words(*(frozenset(text.encode().split()) for text in texts))


def command_after(prefix: Prefix, words: Sequence[bytes], at: int) -> int:
    """Return where the command begins that the program at `at` runs; -1 where there is none."""
    valued, verbs, markers, flags = _split(prefix)
    at += 1
    if markers:
        for index in range(at, len(words) - 1):
            if words[index] in markers:
                return index + 1
        if not verbs:
            return -1
    if verbs:
        near = words[at : at + _VERB_WITHIN]
        found = next((index for index, word in enumerate(near) if word in verbs), -1)
        if found < 0:
            return -1
        at += found + 1
    skip = prefix.skip
    while at < len(words):
        word = words[at]
        if word[:1] == b"-" and len(word) > 1:
            takes_next = word in valued or (
                flags and word[:2] == b"--" and b"=" not in word and word not in flags
            )
            at += 2 if takes_next and word != b"--" else 1
        elif skip:
            skip -= 1
            at += 1
        elif _ASSIGNMENT.match(word):
            at += 1
        else:
            return at
    return -1
