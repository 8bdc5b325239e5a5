# SPDX-License-Identifier: Apache-2.0
"""Runs in a guest: the unit's service and doctor while the kernel or a filter refuses something.

Owns the list of situations and how each is made and undone. Each gives one JSON line in the file
that EXECAUDIT_GUEST_RESULT names: what doctor does not like, and what became of the service.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
UNIT = "execaudit.service"
DROP_IN = Path(f"/run/systemd/system/{UNIT}.d/refusal.conf")
LOG = Path("/var/log/execaudit/execaudit.jsonl")
# An emulated processor takes a hundred times as long to verify and attach.
PATIENCE = "TimeoutStartSec=300\nWatchdogSec=300\n"
LAUNCHER = f"""#!/usr/bin/python3
import sys
sys.path.insert(0, "{CHECKOUT}")
from execaudit.cli import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is refused: settings of the unit, and commands before and after."""

    name: str
    settings: tuple[str, ...] = ()
    before: str = ""
    after: str = ""


LOCKDOWN = "/sys/kernel/security/lockdown"
NO_BPF = "SystemCallFilter=~bpf"
SITUATIONS = (
    Situation("nothing refused"),
    Situation("seccomp, EPERM", (NO_BPF, "SystemCallErrorNumber=EPERM")),
    Situation("seccomp, EACCES", (NO_BPF, "SystemCallErrorNumber=EACCES")),
    Situation("no BTF", (), "mount -t tmpfs tmpfs /sys/kernel/btf", "umount /sys/kernel/btf"),
    Situation("perf_event_paranoid=4", (), "sysctl -q kernel.perf_event_paranoid=4"),
    Situation("unprivileged_bpf_disabled=1", (), "sysctl -q kernel.unprivileged_bpf_disabled=1"),
    # No way leads back from these, so they are last.
    Situation("lockdown=integrity", (), f"echo integrity >{LOCKDOWN}"),
    Situation("lockdown=confidentiality", (), f"echo confidentiality >{LOCKDOWN}"),
)


def _run(*command: str, is_checked: bool = True) -> str:
    error = None if is_checked else subprocess.DEVNULL
    done = subprocess.run(command, stdout=-1, stderr=error, check=is_checked, text=True)
    return done.stdout


def install() -> None:
    """Make this checkout's service known to systemd, with the sample configuration."""
    launcher = Path("/usr/bin/execaudit")
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    _run("systemd-sysusers", str(CHECKOUT / "systemd/execaudit.sysusers"))
    shutil.copytree(CHECKOUT / "packaging/config", "/etc/execaudit", dirs_exist_ok=True)
    _run("chown", "-R", "root:execaudit", "/etc/execaudit")
    Path("/etc/execaudit").chmod(0o750)
    shutil.copy(CHECKOUT / "systemd/execaudit.service", f"/run/systemd/system/{UNIT}")
    DROP_IN.parent.mkdir(parents=True)


def doctor(settings: Sequence[str]) -> dict[str, Any]:
    """Return doctor's status and what it says has failed, under the unit's settings."""
    unit, output = "execaudit-doctor.service", Path("/run/doctor.json")
    output.unlink(missing_ok=True)
    own = ["Type=oneshot", "ExecStart=/usr/bin/execaudit doctor --json", *settings]
    text = "\n".join(["[Service]", *own, f"StandardOutput=file:{output}", ""])
    Path(f"/run/systemd/system/{unit}").write_text(text)
    _run("systemctl", "daemon-reload")
    _run("systemctl", "start", unit, is_checked=False)
    status = _run("systemctl", "show", "--value", "-pExecMainStatus", unit).strip()
    checks = json.loads(output.read_text())["checks"]
    found = {each["name"]: each["found"] for each in checks if each["status"] == "fail"}
    return {"status": int(status), "fails": found}


def start(settings: Sequence[str]) -> dict[str, Any]:
    """Start the service, and stop it; return what became of it and what it said."""
    DROP_IN.write_text("\n".join(["[Service]", PATIENCE, *settings, ""]))
    _run("systemctl", "daemon-reload")
    since = f"@{time.time():.3f}"
    LOG.unlink(missing_ok=True)
    _run("systemctl", "start", UNIT, is_checked=False)
    state = settled()
    _run("systemctl", "stop", UNIT)
    _run("systemctl", "reset-failed", UNIT, is_checked=False)
    return {**state, "said": said(since), "start": start_record()}


def settled() -> dict[str, str]:
    """Return the service's state when it runs, has failed or was started a third time."""
    names = ("ActiveState", "ExecMainStatus", "NRestarts")
    while True:
        shown = _run("systemctl", "show", UNIT, *(f"-p{name}" for name in names))
        state = dict(line.split("=", 1) for line in shown.splitlines())
        if state["ActiveState"] in {"active", "failed"} or int(state["NRestarts"]) > 2:
            return state


def said(since: str) -> list[str]:
    """Return what the daemon itself wrote to the journal since then, notices and worse."""
    _run("journalctl", "--sync")
    lines = _run("journalctl", "-q", "-o", "json", "--since", since, "-u", UNIT, "-p5").splitlines()
    entries = [json.loads(line) for line in lines]
    return [each["MESSAGE"] for each in entries if each.get("SYSLOG_IDENTIFIER") == "execaudit"]


def start_record() -> dict[str, Any]:
    """Return the members of the record of the start that say how execs are seen."""
    if not LOG.exists():
        return {}
    wanted = ("engine", "failure_hook", "failure_hook_error", "cgroups")
    records = [json.loads(line) for line in LOG.read_text().splitlines()]
    first: dict[str, Any] = next((record for record in records if record["type"] == "start"), {})
    return {name: first[name] for name in wanted if name in first}


def main() -> None:
    """Try all situations in turn."""
    install()
    with Path(os.environ["EXECAUDIT_GUEST_RESULT"]).open("w") as result:
        for situation in SITUATIONS:
            _run("sh", "-ec", situation.before)
            report = {
                "situation": situation.name,
                "doctor": doctor(situation.settings),
                "service": start(situation.settings),
            }
            _run("sh", "-ec", situation.after)
            line = json.dumps(report)
            print(line, file=result, flush=True)
            print(line, flush=True)


if __name__ == "__main__":
    main()
