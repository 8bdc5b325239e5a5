# SPDX-License-Identifier: Apache-2.0
"""What one check of `execaudit doctor` found: its result, and what to do about it."""

from typing import Literal, NamedTuple

from execaudit.errors import NoPermission, NotConfigured, NotImplementedByKernel

KERNEL = NotImplementedByKernel.exit_status
PERMISSION = NoPermission.exit_status
CONFIGURATION = NotConfigured.exit_status


class Check(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was checked.
        status: `fail` only where nothing can be traced; `warn` where something is lost or unknown.
        found: what there is.
        advice: one sentence that says what to do; empty where nothing is to be done.
        exit_status: of a `fail`, the exit status that stands for its cause.

    """

    name: str
    status: Literal["pass", "warn", "fail"]
    found: str
    advice: str = ""
    exit_status: int = 0
