# SPDX-License-Identifier: Apache-2.0
"""Records read back from documents of any format.

Owns the choice of the format.
"""

from typing import Any

from execaudit.formats.ecs_restore import restore_ecs
from execaudit.formats.ocsf_restore import restore_ocsf


def restore(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a document; one in our own format is its own record.

    Raises one of errors.MALFORMED for a malformed document.
    """
    if name == "ecs":
        return restore_ecs(document)
    if name == "ocsf":
        return restore_ocsf(document)
    return document
