# SPDX-License-Identifier: Apache-2.0
"""The exception tree. Each class carries the exit status that execaudit(8) documents for it.

Raised low, printed once by the command line. Messages read "Failed to X 'object': reason" and say
what to do where there is something to do.
"""

import struct

EXIT_OK = 0

MALFORMED = (
    *(TypeError, ValueError, KeyError, IndexError),
    *(AttributeError, OverflowError, RecursionError, struct.error),
)
"""Errors of parsing a record, or reading its members, where these are of wrong types or sizes."""


class ExecauditError(Exception):
    """Base of every error execaudit reports; exit status 1 (FAILURE)."""

    exit_status = 1


class InvalidArgument(ExecauditError):  # noqa: N818 - named after the exit status
    """A command line option or a file given there is wrong; exit status 2 (INVALIDARGUMENT)."""

    exit_status = 2


class NotImplementedByKernel(ExecauditError):  # noqa: N818
    """The running kernel lacks what is needed; exit status 3 (NOTIMPLEMENTED)."""

    exit_status = 3


class NoPermission(ExecauditError):  # noqa: N818
    """A capability or permission is missing; exit status 4 (NOPERMISSION)."""

    exit_status = 4


class NotConfigured(ExecauditError):  # noqa: N818
    """Something that is needed is not installed, or the configuration has mistakes.

    Exit status 6 (NOTCONFIGURED), as the LSB has it. The message says which of the two it is.
    """

    exit_status = 6


def failed_call(
    doing: str, error: OSError, kind: type[ExecauditError] = ExecauditError
) -> ExecauditError:
    """Return what to raise where a call failed: NoPermission, or else `kind`.

    `doing` follows "Failed to": "open 'x'".
    """
    reason = error.strerror or str(error)
    if not isinstance(error, PermissionError):
        return kind(f"Failed to {doing}: {reason}")
    named = reason if "permi" in reason.lower() else f"{reason}: not permitted"
    return NoPermission(f"Failed to {doing}: {named}; try as root")
