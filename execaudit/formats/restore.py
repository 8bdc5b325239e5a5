# SPDX-License-Identifier: Apache-2.0
"""Records read back from lines of any format, as they were before they were adapted.

Owns which format's reverse is taken.
"""

from typing import Any

from execaudit.formats.ecs_restore import restore_ecs
from execaudit.formats.ocsf_restore import restore_ocsf


def restore(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a document; one in our own format is a record.

    Raises, as reading a malformed document does.
    """
    if name == "ecs":
        return restore_ecs(document)
    if name == "ocsf":
        return restore_ocsf(document)
    return document
