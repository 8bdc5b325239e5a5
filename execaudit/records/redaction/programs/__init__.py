# SPDX-License-Identifier: Apache-2.0
"""The table of programs that take secrets as arguments, by what they are for.

To add one, add an entry to the module that it belongs to, in the language that `usage` describes,
with the manual page that says so, and a secret and a look-alike to tests/unit/secret_commands.py.
"""

from execaudit.records.redaction.programs import (
    accounts,
    applications,
    archives,
    attack,
    cloud,
    containers,
    databases,
    directories,
    keys,
    messaging,
    monitoring,
    networks,
    packages,
    remote,
    stores,
    web,
)

PROGRAMS = (
    *accounts.PROGRAMS,
    *applications.PROGRAMS,
    *archives.PROGRAMS,
    *attack.PROGRAMS,
    *cloud.PROGRAMS,
    *containers.PROGRAMS,
    *databases.PROGRAMS,
    *directories.PROGRAMS,
    *keys.PROGRAMS,
    *messaging.PROGRAMS,
    *monitoring.PROGRAMS,
    *networks.PROGRAMS,
    *packages.PROGRAMS,
    *remote.PROGRAMS,
    *stores.PROGRAMS,
    *web.PROGRAMS,
)
"""All entries; a program may be in several."""
