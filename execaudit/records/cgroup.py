# SPDX-License-Identifier: Apache-2.0
"""What a cgroup path tells: systemd's unit, slice and session, and the container.

Owns the reading of path conventions. Source: systemd src/basic/cgroup-util.c for units; the naming
of Docker, containerd, CRI-O, Podman, LXC and systemd-nspawn for containers.
"""

import re

_UNIT_SUFFIXES = (".service", ".scope", ".socket", ".mount", ".swap", ".automount", ".timer")
_SESSION = re.compile(r"session-(.+)\.scope")
_CONTAINER_ID = re.compile(r"(?:^|[-:.])([0-9a-f]{64})(?:\.scope|\.service)?$")
_MONITOR = re.compile(r"(?:^|-)conmon-")  # beside a container, not inside it
_ECS_TASK = re.compile(r"([0-9a-f]{32})-[0-9]+")
_LXC = re.compile(r"lxc\.payload\.(.+)")
_LXC_PARENTS = ("lxc", "lxc.payload")
# libvirt names its virtual machines so too; QEMU itself runs on the host.
_MACHINE = re.compile(r"machine-(?!qemu\\x2d)(.+)\.scope|systemd-nspawn@(.+)\.service")


def describe(path: str) -> dict[str, str]:
    """Fields `unit`, `user_unit`, `slice`, `session` and `container` of a path like "/a.slice/b".

    Only those that the path tells.
    """
    components = [part.removeprefix("_") for part in path.split("/") if part]
    fields: dict[str, str] = {}
    rest = _take_slices(components, fields, "slice")
    if rest and rest[0].endswith(_UNIT_SUFFIXES):
        fields["unit"] = rest[0]
        session = _SESSION.fullmatch(rest[0])
        if session:
            fields["session"] = session[1]
        elif rest[0].startswith("user@"):
            user = _take_slices(rest[1:], {}, "")
            if user and user[0].endswith(_UNIT_SUFFIXES):
                fields["user_unit"] = user[0]
    container = _container(components)
    if container:
        fields["container"] = container
    return fields


def _take_slices(components: list[str], fields: dict[str, str], key: str) -> list[str]:
    """Drop leading slices; the last of them becomes `fields[key]`. Returns what follows."""
    count = 0
    while count < len(components) and components[count].endswith(".slice"):
        count += 1
    if count:
        fields[key] = components[count - 1]
    return components[count:]


def _container(components: list[str]) -> str | None:
    """The innermost container's full id, or its name where it has no id."""
    for index in range(len(components) - 1, -1, -1):
        part, outer = components[index], components[index - 1] if index else ""
        match = _CONTAINER_ID.search(part)
        if match and not _MONITOR.search(part):
            return match[1]
        task = _ECS_TASK.fullmatch(part)
        if task and task[1] == outer:
            return part
        if outer in _LXC_PARENTS:
            return part
        match = _LXC.fullmatch(part)
        if match:
            return match[1]
        match = _MACHINE.fullmatch(part)
        below = components[index + 1 : index + 2]
        # What runs beside "payload" is systemd-nspawn itself, on the outside.
        if match and (below == ["payload"] or (match[1] and below != ["supervisor"])):
            return _unescape(match[1] or match[2])
    return None


def _unescape(name: str) -> str:
    r"""Undo systemd's \xNN escaping of the bytes of a name inside a unit name."""
    raw = re.sub(
        rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), name.encode()
    )
    return raw.decode(errors="replace")
