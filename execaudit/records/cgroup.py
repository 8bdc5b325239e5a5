# SPDX-License-Identifier: Apache-2.0
"""What a cgroup path says: systemd's unit, slice and session, the container and the pod.

Owns the reading of path conventions. Source: systemd src/basic/cgroup-util.c for units; the naming
of Docker, containerd, CRI-O, Podman, LXC and systemd-nspawn for containers; for pods the kubelet's
pkg/kubelet/cm/cgroup_manager_linux.go and qos_container_manager_linux.go, whose names are the same
for every runtime.
"""

import re

_UNIT_SUFFIXES = (".service", ".scope", ".socket", ".mount", ".swap", ".automount", ".timer")
_SESSION = re.compile(r"session-(.+)\.scope")
_CONTAINER_ID = re.compile(r"(?:^|[-:.])([0-9a-f]{64})(?:\.scope|\.service)?$")
_MONITOR = re.compile(r"(?:^|-)conmon-")  # beside a container, not inside it
_ECS_TASK = re.compile(r"([0-9a-f]{32})-[0-9]+")
_LXC = re.compile(r"lxc\.payload\.(.+)")
_WHOLE = {
    "lxc": re.compile(".+"),
    "lxc.payload": re.compile(".+"),
    "buildkit": re.compile("[0-9a-z]{25}"),  # moby/buildkit, identity.NewID: base 36
    "garden": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),  # Cloud Foundry
}
"""Names of containers that mean something only below a component of this name."""

# A pod that the API server made has a UUID; one from a file on the node has an MD5 (static pods).
_POD = re.compile("pod([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})")
# systemd reads "-" as a step in the tree of slices: the kubelet writes "_" in ids. A runtime that
# takes the name of a slice for a folder adds ":" and names of its own.
_POD_SLICE = re.compile(
    r"(?:^|-)kubepods(?:-burstable|-besteffort)?"
    r"-pod([0-9a-f]{8}(?:_[0-9a-f]{4}){3}_[0-9a-f]{12}|[0-9a-f]{32})\.slice(?:$|:)"
)

# libvirt names its virtual machines so too; QEMU itself runs on the host.
_MACHINE = re.compile(r"machine-(?!qemu\\x2d)(.+)\.scope|systemd-nspawn@(.+)\.service")


def describe(path: str) -> dict[str, str]:
    """Return `unit`, `user_unit`, `slice`, `session`, `container` and `pod` of "/a.slice/b".

    A field that the path does not name is left out.
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
    pod = _pod(components)
    if pod:
        fields["pod"] = pod
    return fields


def _take_slices(components: list[str], fields: dict[str, str], key: str) -> list[str]:
    """Return what follows the leading slices; the last of these becomes `fields[key]`."""
    count = 0
    while count < len(components) and components[count].endswith(".slice"):
        count += 1
    if count:
        fields[key] = components[count - 1]
    return components[count:]


def _container(components: list[str]) -> str | None:
    """Return the innermost container's full id, or its name where it has no id."""
    for index in range(len(components) - 1, -1, -1):
        below = components[index + 1 : index + 2]
        found = _container_at(components[index], components[index - 1] if index else "", below)
        if found:
            return found
    return None


def _container_at(part: str, outer: str, below: list[str]) -> str | None:
    """Return the container that `part` names, below `outer`; `below` is what follows, if any."""
    found = _CONTAINER_ID.search(part)
    if found and not _MONITOR.search(part) and below != ["conmon"]:
        return found[1]
    task = _ECS_TASK.fullmatch(part)
    whole = _WHOLE.get(outer)
    if (task and task[1] == outer) or (whole and whole.fullmatch(part)):
        return part
    found = _LXC.fullmatch(part)
    if found:
        return found[1]
    machine = _MACHINE.fullmatch(part)
    # What runs beside "payload" is systemd-nspawn itself, on the outside.
    if machine and (below == ["payload"] or (machine[1] and below != ["supervisor"])):
        return _unescape(machine[1] or machine[2])
    return None


def _pod(components: list[str]) -> str | None:
    """Return the innermost Kubernetes pod's id: with the systemd driver a slice, or a folder."""
    for index in range(len(components) - 1, -1, -1):
        found = _POD_SLICE.search(components[index])
        if found:
            return found[1].replace("_", "-")
        found = _POD.fullmatch(components[index])
        if found and "kubepods" in components[:index]:
            return found[1]
    return None


def _unescape(name: str) -> str:
    r"""Undo systemd's \xNN escaping of the bytes of a name inside a unit name."""
    raw = re.sub(
        rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), name.encode()
    )
    return raw.decode(errors="replace")
