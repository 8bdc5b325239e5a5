# SPDX-License-Identifier: Apache-2.0
"""What real cgroup paths tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.cgroup import describe

ID = "4f9d1c3a8be27056" * 4
OTHER = "0a1b2c3d4e5f6071" * 4
POD_ID = "3f2b8c1e-9a4d-4c55-8e0b-6d7f1a2b3c4d"
POD = f"pod{POD_ID}"
POD_UNIT = POD.replace("-", "_")
STATIC = "8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e"

SYSTEMD = [
    ("/", ""),
    ("/init.scope", "unit=init.scope"),
    ("/system.slice/sshd.service", "slice=system.slice unit=sshd.service"),
    ("/system.slice/dbus.socket", "slice=system.slice unit=dbus.socket"),
    ("/system.slice/system-getty.slice/getty@tty1.service",
     "slice=system-getty.slice unit=getty@tty1.service"),
    ("/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service",
     "slice=system-serial\\x2dgetty.slice unit=serial-getty@ttyS0.service"),
    ("/system.slice/systemd-udevd.service/udev", "slice=system.slice unit=systemd-udevd.service"),
    ("/system.slice/var-lib-x.mount", "slice=system.slice unit=var-lib-x.mount"),
    ("/system.slice/dev-sda2.swap", "slice=system.slice unit=dev-sda2.swap"),
    ("/system.slice", "slice=system.slice"),
    ("/system.slice/run-r1a2b.scope", "slice=system.slice unit=run-r1a2b.scope"),
    ("/user.slice/user-1000.slice/session-3.scope",
     "slice=user-1000.slice unit=session-3.scope session=3"),
    ("/user.slice/user-1000.slice/session-c2.scope",
     "slice=user-1000.slice unit=session-c2.scope session=c2"),
    ("/user.slice/user-1000.slice/user@1000.service/init.scope",
     "slice=user-1000.slice unit=user@1000.service user_unit=init.scope"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope",
     "slice=user-1000.slice unit=user@1000.service user_unit=app-gnome-firefox-4242.scope"),
    ("/user.slice/user-1000.slice/user@1000.service/session.slice/dbus.service",
     "slice=user-1000.slice unit=user@1000.service user_unit=dbus.service"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.slice/y.service/inner",
     "slice=user-1000.slice unit=user@1000.service user_unit=y.service"),
    # systemd puts "_" before a name that would be taken for a file of the kernel's.
    ("/system.slice/_cpu.service", "slice=system.slice unit=cpu.service"),
    ("/not-of-systemd", ""),
    ("/a/b.service", ""),
]  # fmt: skip
CONTAINERS = [
    # Docker, cgroupfs driver and systemd driver, and inside of Docker.
    (f"/docker/{ID}", f"container={ID}"),
    (f"/system.slice/docker-{ID}.scope",
     f"slice=system.slice unit=docker-{ID}.scope container={ID}"),
    (f"/system.slice/docker-{ID}.scope/init.scope",
     f"slice=system.slice unit=docker-{ID}.scope container={ID}"),
    (f"/docker/{OTHER}/docker/{ID}", f"container={ID}"),
    # Rootless Docker.
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
     f"slice=user-1000.slice unit=user@1000.service user_unit=docker-{ID}.scope container={ID}"),
    # Kubernetes, systemd driver: containerd, CRI-O, Docker.
    (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD_UNIT}.slice"
     f"/cri-containerd-{ID}.scope",
     f"slice=kubepods-burstable-{POD_UNIT}.slice unit=cri-containerd-{ID}.scope container={ID}"
     f" pod={POD_ID}"),
    (f"/kubepods.slice/kubepods-{POD_UNIT}.slice/crio-{ID}.scope",
     f"slice=kubepods-{POD_UNIT}.slice unit=crio-{ID}.scope container={ID} pod={POD_ID}"),
    (f"/kubepods.slice/kubepods-{POD_UNIT}.slice/crio-{ID}.scope/container",
     f"slice=kubepods-{POD_UNIT}.slice unit=crio-{ID}.scope container={ID} pod={POD_ID}"),
    (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-{POD_UNIT}.slice"
     f"/docker-{ID}.scope",
     f"slice=kubepods-besteffort-{POD_UNIT}.slice unit=docker-{ID}.scope container={ID}"
     f" pod={POD_ID}"),
    (f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"
     f"/kubelet-kubepods-besteffort-{POD_UNIT}.slice/cri-containerd-{ID}.scope",
     f"slice=kubelet-kubepods-besteffort-{POD_UNIT}.slice unit=cri-containerd-{ID}.scope"
     f" container={ID} pod={POD_ID}"),
    # A node that is a container itself (kind): the pod is in it.
    (f"/system.slice/docker-{OTHER}.scope/kubelet.slice/kubelet-kubepods.slice"
     f"/kubelet-kubepods-{POD_UNIT}.slice/cri-containerd-{ID}.scope",
     f"slice=system.slice unit=docker-{OTHER}.scope container={ID} pod={POD_ID}"),
    # A static pod, of a file on the node.
    (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice"
     f"/cri-containerd-{ID}.scope",
     f"slice=kubepods-burstable-pod{STATIC}.slice unit=cri-containerd-{ID}.scope container={ID}"
     f" pod={STATIC}"),
    # Beside the containers of a pod, not in one: its slice, and CRI-O's monitor.
    (f"/kubepods.slice/kubepods-{POD_UNIT}.slice", f"slice=kubepods-{POD_UNIT}.slice pod={POD_ID}"),
    (f"/kubepods.slice/kubepods-{POD_UNIT}.slice/crio-conmon-{ID}.scope",
     f"slice=kubepods-{POD_UNIT}.slice unit=crio-conmon-{ID}.scope pod={POD_ID}"),
    # Kubernetes, cgroupfs driver: containerd, CRI-O.
    (f"/kubepods/besteffort/{POD}/{ID}", f"container={ID} pod={POD_ID}"),
    (f"/kubepods/{POD}/{ID}", f"container={ID} pod={POD_ID}"),
    (f"/kubepods/burstable/pod{STATIC}/crio-{ID}", f"container={ID} pod={STATIC}"),
    (f"/kubelet/kubepods/{POD}/{ID}", f"container={ID} pod={POD_ID}"),
    # containerd with the systemd driver switched on at one end only: runc's slice:prefix:name.
    (f"/system.slice/kubepods-burstable-{POD_UNIT}.slice:cri-containerd:{ID}",
     f"slice=system.slice container={ID} pod={POD_ID}"),
    # Names that only look like a pod's.
    (f"/{POD}/{ID}", f"container={ID}"),
    (f"/kubepods/{POD}0/{ID}", f"container={ID}"),
    (f"/kubepods.slice/kubepods-{POD_UNIT}0.slice", f"slice=kubepods-{POD_UNIT}0.slice"),
    (f"/kubepods.slice/mykubepods-{POD_UNIT}.slice", f"slice=mykubepods-{POD_UNIT}.slice"),
    ("/kubepods/burstable", ""),
    # containerd's own: nerdctl, ctr.
    (f"/default/{ID}", f"container={ID}"),
    (f"/system.slice/nerdctl-{ID}.scope",
     f"slice=system.slice unit=nerdctl-{ID}.scope container={ID}"),
    # Podman, of root and of a user; inside, Podman's own folder or the container's systemd.
    (f"/machine.slice/libpod-{ID}.scope/container",
     f"slice=machine.slice unit=libpod-{ID}.scope container={ID}"),
    (f"/machine.slice/libpod-{ID}.scope/system.slice/nginx.service",
     f"slice=machine.slice unit=libpod-{ID}.scope container={ID}"),
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container",
     f"slice=user-1000.slice unit=user@1000.service user_unit=libpod-{ID}.scope container={ID}"),
    (f"/libpod_parent/libpod-{ID}", f"container={ID}"),
    (f"/libpod_parent/{ID}", f"container={ID}"),
    # Quadlet: the service itself, with the container below it.
    (f"/system.slice/web.service/libpod-payload-{ID}",
     f"slice=system.slice unit=web.service container={ID}"),
    # The monitors beside containers are not inside them.
    (f"/machine.slice/libpod-conmon-{ID}.scope",
     f"slice=machine.slice unit=libpod-conmon-{ID}.scope"),
    (f"/libpod_parent/{ID}/conmon", ""),
    # BuildKit below Docker, Cloud Foundry.
    ("/docker/buildkit/w3s1h8t2k4m6n8p0q2r4s6t8u", "container=w3s1h8t2k4m6n8p0q2r4s6t8u"),
    ("/system.slice/docker.service/buildkit/w3s1h8t2k4m6n8p0q2r4s6t8u/init",
     "slice=system.slice unit=docker.service container=w3s1h8t2k4m6n8p0q2r4s6t8u"),
    ("/docker/buildkit/short", ""),
    ("/x/w3s1h8t2k4m6n8p0q2r4s6t8u", ""),
    ("/garden/8f3a2b1c-5d6e-4f70-9a8b-1c2d3e4f5a6b",
     "container=8f3a2b1c-5d6e-4f70-9a8b-1c2d3e4f5a6b"),
    ("/8f3a2b1c-5d6e-4f70-9a8b-1c2d3e4f5a6b", ""),
    # Amazon ECS.
    (f"/ecs/8f3a2b1c-5d6e-4f70-9a8b-1c2d3e4f5a6b/{ID}", f"container={ID}"),
    (f"/ecs/prod/8f3a2b1c5d6e4f709a8b1c2d3e4f5a6b/{ID}", f"container={ID}"),
    ("/ecs/8f3a2b1c5d6e4f709a8b1c2d3e4f5a6b/8f3a2b1c5d6e4f709a8b1c2d3e4f5a6b-2531612879",
     "container=8f3a2b1c5d6e4f709a8b1c2d3e4f5a6b-2531612879"),
    # LXC, of three ages, and what runs inside; its monitor is outside.
    ("/lxc/web", "container=web"),
    ("/lxc.payload/web", "container=web"),
    ("/lxc.payload.web", "container=web"),
    ("/lxc.payload.web/system.slice/nginx.service", "container=web"),
    ("/lxc.payload.conmon-7/init.scope", "container=conmon-7"),
    ("/lxc.monitor.web", ""),
    ("/lxc/web/init.scope", "container=web"),
    # systemd-nspawn, by machinectl and by hand; libvirt's machines are containers only with LXC.
    ("/machine.slice/systemd-nspawn@debian.service/payload/system.slice/cron.service",
     "slice=machine.slice unit=systemd-nspawn@debian.service container=debian"),
    ("/machine.slice/systemd-nspawn@debian.service/supervisor",
     "slice=machine.slice unit=systemd-nspawn@debian.service"),
    ("/machine.slice/machine-debian\\x2d12.scope/payload",
     "slice=machine.slice unit=machine-debian\\x2d12.scope container=debian-12"),
    ("/machine.slice/machine-debian.scope/supervisor",
     "slice=machine.slice unit=machine-debian.scope"),
    ("/machine.slice/machine-lxc\\x2d77\\x2dweb.scope",
     "slice=machine.slice unit=machine-lxc\\x2d77\\x2dweb.scope container=lxc-77-web"),
    ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
     "slice=machine.slice unit=machine-qemu\\x2d1\\x2dvm.scope"),
    ("/machine.slice/machine-caf\\xc3\\xa9.scope",
     "slice=machine.slice unit=machine-caf\\xc3\\xa9.scope container=café"),
    # Numbers that are not ids of containers.
    (f"/system.slice/{ID[:63]}", "slice=system.slice"),
    (f"/{ID}0", ""),
    (f"/x{ID}", ""),
    (f"/{ID.upper()}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "told"), [*SYSTEMD, *CONTAINERS])
def test_path_tells_unit_slice_session_container_and_pod(path: str, told: str) -> None:
    assert describe(path) == dict(pair.split("=") for pair in told.split())


PARTS = st.sampled_from(
    ["a.slice", "user@1.service", "session-1.scope", "lxc", ID, "_x", ".slice", ".scope",
     "machine-\\x", "machine-\\xff.scope", "", "é", "\ufffd", "conmon", "systemd-nspawn@.service",
     "kubepods", POD, f"kubepods-{POD_UNIT}.slice"]
) | st.text(max_size=5)  # fmt: skip


@given(st.lists(PARTS, max_size=6).map(lambda parts: "/" + "/".join(parts)))
def test_any_path_tells_non_empty_text_or_nothing(path: str) -> None:
    fields = describe(path)

    assert fields.keys() <= {"unit", "user_unit", "slice", "session", "container", "pod"}
    for text in fields.values():
        assert text
        text.encode()
