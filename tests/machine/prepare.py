# SPDX-License-Identifier: Apache-2.0
"""Makes what guests, containers and shippers run on, before their tests ask for it.

Owns the list of it. Tests wait for what is being made, and make what is missing here themselves.
`python -m tests.machine.prepare LANE` makes one thing after the other.
"""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial

from tests.machine import rootfs, system
from tests.packaging import fedora
from tests.packaging.build import deb
from tests.packaging.life import PACKAGE_TOOLS
from tests.shippers import roots

KERNELS = ("bookworm", "bullseye")  # of test_guest
_GUESTS: list[Callable[[], object]] = [
    rootfs.userland,
    *(partial(rootfs.kernel, suite) for suite in KERNELS),
    partial(rootfs.userland, "arm64"),
    partial(rootfs.kernel, "trixie", "arm64"),
]
LANES: dict[str, tuple[Callable[[], object], ...]] = {
    "guests": (
        *(_GUESTS if os.uname().machine == "x86_64" else []),
        deb,
        *(partial(roots.root, kind) for kind in roots.PACKAGES),
    ),
    "containers": (
        *(partial(system.tree, release) for release in system.RELEASES),
        partial(system.tree, "bookworm", *system.MORE),
        partial(system.tree, "bookworm", *PACKAGE_TOOLS),
        fedora.packages,
    ),
}
"""What is made side by side, and in which order: what is asked for first at the beginning."""


def main() -> int:
    """Make everything of a lane that is not there yet."""
    if os.geteuid() or shutil.which("mmdebstrap") is None:
        return 0
    for make in LANES[sys.argv[1]]:
        try:
            make()
        except RuntimeError as error:  # its tests will report it
            print(f"tests: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
