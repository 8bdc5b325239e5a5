# SPDX-License-Identifier: Apache-2.0
"""Errors of the loop, or of its end, that nothing below has explained.

Owns the message. The exit status is 1, failure: what is refused now was permitted at the start, so
a permission is not what is missing, and another process may succeed.
"""

from execaudit.errors import ExecauditError

UNEXPLAINED = (OSError, ImportError, MemoryError)


def failed_turn(error: OSError | ImportError | MemoryError) -> ExecauditError:
    """Return the exception to raise where the loop failed: one line that names the cause."""
    if isinstance(error, ImportError):  # the package was removed, or a file cannot be read
        return ExecauditError(f"Failed to load '{error.name}': {error}")
    if isinstance(error, MemoryError):
        return ExecauditError("Failed to go on: out of memory")
    doing = f"open '{error.filename}'" if error.filename else "go on"
    return ExecauditError(f"Failed to {doing}: {error.strerror or error}")
