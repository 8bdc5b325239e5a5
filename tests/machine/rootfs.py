# SPDX-License-Identifier: Apache-2.0
"""What a guest is made of: one Debian userland, and per suite a kernel with modules and headers.

Owns fetching them with mmdebstrap and packing them into ext4 images, each cached whole. The images
are never written by a guest. It must not know how a guest boots or what runs in it.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.machine import cache, debian, foreign, initrd

CHECKOUT = Path(__file__).parents[2]
# One userland serves every kernel: what is tested is the kernel, not the distribution.
USERLAND_SUITE = "bookworm"
USERLAND_PYTHON = "3.11"
USERLAND_PACKAGES = (
    "acl",
    "apparmor",
    "auditd",
    "bpftool",
    "btrfs-progs",
    "kmod",
    "libbpf1",
    "libcap2-bin",
    "procps",
    "python3",
    "python3-bpfcc",
    "python3-systemd",
    "strace",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
# Where the test tools lie in the guest: the same versions as on the host, not the distribution's.
TOOLS = "opt/test-tools"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Debian's names for what guests are made of, by the machine's."""
NATIVE = ARCHITECTURES.get(os.uname().machine, "")
_WHEELS = {"amd64": "manylinux2014_x86_64", "arm64": "manylinux2014_aarch64"}
# No journal (guests never survive a power cut) and no checksums (ext4 then needs no crypto).
EXT4_FEATURES = "^has_journal,^metadata_csum"
# Whatever changes here, package lists or the way they are packed, makes new images.
_MODULES = (__file__, debian.__file__, foreign.__file__, initrd.__file__)
_SOURCES = [Path(module).read_text() for module in _MODULES]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel: `image` and `initrd` to boot, `disk` with /lib/modules and /usr/src."""

    name: str
    architecture: str
    release: str
    image: Path
    initrd: Path
    disk: Path


def _pack(tree: Path, image: Path, free_mib: int) -> None:
    used = subprocess.run(["du", "-sm", tree], capture_output=True, text=True, check=True)
    # An eighth more than the files' size leaves room for inodes and directories.
    size_mib = int(used.stdout.split()[0]) * 9 // 8 + free_mib
    options = ["-q", "-t", "ext4", "-O", EXT4_FEATURES, "-E", "lazy_itable_init=1,nodiscard"]
    debian.run(["mke2fs", *options, "-d", tree, image, f"{size_mib}M"])


def _test_requirements() -> list[str]:
    """The pinned test tools, without those that look at the source or at packages."""
    lines = (CHECKOUT / "tests/requirements.txt").read_text().split()
    left_out = re.compile(r"(mypy|ruff|codespell|proselint|pysigma)==").match
    return [line for line in lines if not left_out(line)]


def _fill_userland(tree: Path, architecture: str) -> None:
    left_out = ("doc", "man", "locale")
    debian.minimal(USERLAND_SUITE, tree, USERLAND_PACKAGES, *left_out, architecture=architecture)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pip += ["--root-user-action=ignore", "--no-compile", "--only-binary=:all:"]
    pip += ["--platform", _WHEELS[architecture]]
    pip += ["--python-version", USERLAND_PYTHON, "--target", str(tree / TOOLS)]
    debian.run([*pip, *_test_requirements()])
    # Compiled now: a guest would do it at each boot, slowly, and forget.
    debian.run(["chroot", tree, "python3", "-m", "compileall", "-q", f"/{TOOLS}"])


def userland(architecture: str = NATIVE) -> Path:
    """Return the ext4 image of the guests' root file system."""

    def build(directory: Path) -> None:
        tree = directory / "tree"
        with foreign.programs(architecture):
            _fill_userland(tree, architecture)
        (tree / "etc/hostname").write_text("execaudit-guest\n")
        (tree / "etc/fstab").write_text("")
        (tree / "kernel").mkdir()
        _pack(tree, directory / "root.img", free_mib=1024)
        shutil.rmtree(tree)

    version = cache.key([architecture, *_test_requirements(), *_SOURCES])
    return cache.entry(_kind("userland", architecture), version, build) / "root.img"


def _kind(kind: str, architecture: str) -> str:
    return kind if architecture == "amd64" else f"{architecture}-{kind}"


def _first(*paths: Path) -> Path:
    return next(path for path in paths if path.exists())


def _kernel_packages(name: str, architecture: str) -> list[str]:
    """Return what has the kernel, its headers and the initrd's shell."""
    _, _, flavor = name.partition("-")
    infix = f"{flavor}-" if flavor and flavor != "backports" else ""
    release = f"/{name}" if flavor == "backports" else ""
    kernel = [f"linux-{part}-{infix}{architecture}{release}" for part in ("image", "headers")]
    return [*kernel, "busybox-static"]


def _fetch_kernel(name: str, architecture: str, directory: Path) -> None:
    extracted, tree = directory / "extracted", directory / "tree"
    debian.mmdebstrap(
        name.partition("-")[0],
        extracted,
        _kernel_packages(name, architecture),
        "--variant=extract",
        architecture=architecture,
        more=[name] if name.endswith("-backports") else [],
    )
    (tree / "lib").mkdir(parents=True)
    (tree / "usr").mkdir()
    # Packages of a merged-/usr suite put everything below /usr.
    lib = _first(extracted / "usr/lib/modules", extracted / "lib/modules")
    busybox = _first(extracted / "usr/bin/busybox", extracted / "bin/busybox")
    lib.rename(tree / "lib/modules")
    (extracted / "usr/src").rename(tree / "usr/src")
    (modules,) = (p for p in (tree / "lib/modules").iterdir() if (p / "kernel").is_dir())
    debian.run(["depmod", "-b", tree, modules.name])
    (directory / "release").write_text(modules.name)
    (directory / "initrd").write_bytes(initrd.make(modules, busybox))
    # Newer packages ship the kernel beside its modules.
    image = _first(extracted / f"boot/vmlinuz-{modules.name}", modules / "vmlinuz")
    image.rename(directory / "vmlinuz")
    _pack(tree, directory / "kernel.img", free_mib=16)
    shutil.rmtree(extracted)
    shutil.rmtree(tree)


def kernel(name: str, architecture: str = NATIVE, *, fetch: bool = False) -> Kernel:
    """Return a kernel of a Debian suite with its modules and the headers that match it.

    `name` is the suite's; after a dash it has "rt", "cloud" or "backports" for another one. It
    stays as it was first fetched; `fetch` gets the suite's current one.
    """
    kind = _kind(f"kernel-{name}", architecture)
    if fetch:
        cache.forget(kind)

    key = cache.key([name, architecture, *_SOURCES])
    directory = cache.entry(
        kind, key, lambda directory: _fetch_kernel(name, architecture, directory)
    )
    release = (directory / "release").read_text()
    image, first, disk = (directory / name for name in ("vmlinuz", "initrd", "kernel.img"))
    return Kernel(name, architecture, release, image, first, disk)
