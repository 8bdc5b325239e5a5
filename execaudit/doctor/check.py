# SPDX-License-Identifier: Apache-2.0
"""The result of one check of `execaudit doctor`, and what to do about it."""

from typing import Literal, NamedTuple

from execaudit.errors import NoPermission, NotConfigured, NotImplementedByKernel

KERNEL = NotImplementedByKernel.exit_status
PERMISSION = NoPermission.exit_status
CONFIGURATION = NotConfigured.exit_status


class Check(NamedTuple):
    """One line of the report.

    `fail` says that nothing can be traced, `warn` that something is lost or unknown.
    """

    name: str
    status: Literal["pass", "warn", "fail"]
    found: str
    advice: str = ""  # one sentence that says what to do; empty where nothing is to be done
    exit_status: int = 0  # of a `fail`: the one for its cause
