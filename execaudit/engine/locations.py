# SPDX-License-Identifier: Apache-2.0
"""Where the BPF object and its source lie: in a checkout, a wheel, or the distro's package."""

from pathlib import Path

from execaudit.errors import NotConfigured

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_IS_CHECKOUT = (_CHECKOUT / "bpf" / "execaudit.bpf.c").exists()
_SYSTEM = Path("/usr/lib/execaudit/bpf")

OBJECT = "execaudit.bpf.o"
OBJECT_WITH_CASTS = "execaudit-casts.bpf.o"
"""The same programs for kernels with bpf_rdonly_cast and a JIT compiler, see bpf/dialect.h."""
SOURCE = "execaudit.bpf.c"


def object_path() -> Path:
    """Return the path of the compiled object. Raises NotConfigured where there is none."""
    if _IS_CHECKOUT:
        path = _CHECKOUT / "build" / OBJECT
        if path.exists():
            return path
        raise NotConfigured(f"Failed to find '{path}': run ./dev build first")
    return _installed(OBJECT)


def object_paths() -> list[Path]:
    """Return the compiled objects in the order in which they are tried. Raises NotConfigured."""
    path = object_path()
    return [path.with_name(OBJECT_WITH_CASTS), path]


def source_directory() -> Path:
    """Return the folder of the BPF source. Raises NotConfigured where there is none."""
    if _IS_CHECKOUT:
        return _CHECKOUT / "bpf"
    return _installed(SOURCE).parent


def _installed(name: str) -> Path:
    for folder in (_PACKAGE / "bpf", _SYSTEM):
        if (folder / name).exists():
            return folder / name
    raise NotConfigured(f"Failed to find '{_SYSTEM / name}': reinstall the execaudit package")
