# SPDX-License-Identifier: Apache-2.0
"""The exception tree. Each class carries the exit status that execaudit(8) documents for it.

Raised low, printed once by the command line. Messages read "Failed to X 'object': reason" and say
what to do where there is something to do.
"""

EXIT_OK = 0


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
    """A package or file that execaudit needs is not installed; exit status 6 (NOTCONFIGURED)."""

    exit_status = 6
