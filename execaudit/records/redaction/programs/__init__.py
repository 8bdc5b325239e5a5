# SPDX-License-Identifier: Apache-2.0
"""The table of programs that take secrets as arguments, by what they are for.

To add one, add an entry to the module that it belongs to, in the language that `usage` describes,
with the manual page that says so, and a secret and a look-alike to tests/unit/secret_commands.py.
"""

from execaudit.records.redaction.programs import (
    cloud,
    crypto,
    databases,
    directories,
    remote,
    web,
)

PROGRAMS = (
    *databases.PROGRAMS,
    *directories.PROGRAMS,
    *remote.PROGRAMS,
    *crypto.PROGRAMS,
    *cloud.PROGRAMS,
    *web.PROGRAMS,
)
"""All entries; a program may be in several."""
