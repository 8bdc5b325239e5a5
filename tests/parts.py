# SPDX-License-Identifier: Apache-2.0
"""Which tests trace this machine, and so run alone, one after the other."""

_INTEGRATION = "tests/integration/"
# They work on sinks, on this side of the kernel.
_QUIET = tuple(
    f"{_INTEGRATION}test_{name}.py" for name in ("disk_faults", "file_kills", "journald", "memory")
)
# These see every exec or every program of BPF on the machine, or its load.
ALONE = (
    *(_INTEGRATION, "tests/machine/", "tests/shippers/"),
    *(f"tests/unit/test_{name}.py" for name in ("doctor", "streams", "trials")),
)


def is_alone(path: str) -> bool:
    """Return True if the tests in the file of this path bear no others beside them."""
    return path.startswith(ALONE) and path not in _QUIET
