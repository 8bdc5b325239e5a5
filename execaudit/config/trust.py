# SPDX-License-Identifier: Apache-2.0
"""Whether anybody but root and the service could have written a file.

Owns the judgement of owners and modes, of a file and of every directory above it, and the words
that say what to do. Access control lists need no look of their own: what they grant beyond the
owner shows in the group bits (acl(5)).
"""

import os
import pwd
import stat
from pathlib import Path

from execaudit.config.problem import Problem

SERVICE_USER = "execaudit"


def doubts_about_folder(folder: Path, root: Path) -> list[Problem]:
    """Say why a directory is refused, for itself or one above it; nothing if it is trusted.

    A sticky directory above, such as /tmp, is fine: what is in it can be replaced by its owner
    alone. That does not help the directory itself, where files could be added. What is above
    `root` does not matter. Where links lead is judged, and where they stand.
    """
    root = root.resolve()
    problems = doubts_about(folder.resolve(), folder.stat())
    judged = set()
    for above in (*folder.resolve().parents, *folder.absolute().parents):
        real = above.resolve()
        if real not in judged and real.is_relative_to(root):
            judged.add(real)
            problems += doubts_about(real, real.stat(), is_sticky_fine=True)
    return problems


def doubts_about(
    path: Path, status: os.stat_result, *, is_sticky_fine: bool = False
) -> list[Problem]:
    """Say why one file or directory is refused; nothing if its owner and mode are fine."""
    found = []
    uid = status.st_uid
    if uid not in (0, os.geteuid()) and uid != _service_uid():
        found.append(f"is owned by {_user_name(uid)}, expected root or {SERVICE_USER} (chown root)")
    by_group, by_others = status.st_mode & stat.S_IWGRP, status.st_mode & stat.S_IWOTH
    is_sticky = is_sticky_fine and status.st_mode & stat.S_ISVTX
    if (by_group or by_others) and not is_sticky:
        who = " and ".join(["its group"] * bool(by_group) + ["others"] * bool(by_others))
        who_short = "g" * bool(by_group) + "o" * bool(by_others)
        found.append(
            f"can be written by {who} (mode {stat.S_IMODE(status.st_mode):04o}),"
            f" expected by its owner alone (chmod {who_short}-w)"
        )
    return [Problem(str(path), 0, 0, "", text) for text in found]


def _service_uid() -> int | None:
    try:
        return pwd.getpwnam(SERVICE_USER).pw_uid
    except KeyError:
        return None


def _user_name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
