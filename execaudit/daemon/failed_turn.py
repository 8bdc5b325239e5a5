# SPDX-License-Identifier: Apache-2.0
"""What it means where the loop, or its end, fails by something that nothing below could explain.

Owns the message. The exit status is 1, a failure that another process may not have: what is refused
now was allowed at the start, so it is no lack of permission.
"""

from execaudit.errors import ExecauditError

UNEXPLAINED = (OSError, ImportError, MemoryError)


def failed_turn(error: OSError | ImportError | MemoryError) -> ExecauditError:
    """Return what to raise where the loop failed: one line that says by what."""
    if isinstance(error, ImportError):  # the package was removed, or a file cannot be read
        return ExecauditError(f"Failed to load '{error.name}': {error}")
    if isinstance(error, MemoryError):
        return ExecauditError("Failed to go on: out of memory")
    doing = f"open '{error.filename}'" if error.filename else "go on"
    return ExecauditError(f"Failed to {doing}: {error.strerror or error}")
