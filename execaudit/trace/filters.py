# SPDX-License-Identifier: Apache-2.0
"""The filters of `execaudit trace`, as in execsnoop: user, parent, name, line.

Owns parsing these options and deciding about one exec. It reads the user database only, once per
option. Filters compare bytes, as programs wrote them: text that is not UTF-8 can be found too.
"""

import os
import pwd
import re
import warnings
from collections import OrderedDict

from execaudit.errors import InvalidArgument
from execaudit.records.command import command_words
from execaudit.records.record import strings_of
from execaudit.wire import record
from execaudit.wire.event import Event, Place

_MAX_UID = 2**32 - 2  # 2^32-1 is (uid_t)-1, no user
_MAX_DIGITS = 64  # Python converts no number of many thousands
_IDS_LIMIT = 65536
_MAX_PID = 2**22  # PID_MAX_LIMIT, include/linux/threads.h


def parse_user(text: str) -> int:
    """Return the user id for a number or a name (a number wins, as in execsnoop).

    Raises InvalidArgument.
    """
    if re.fullmatch(r"[0-9]+", text):
        if len(text) <= _MAX_DIGITS and int(text) <= _MAX_UID:
            return int(text)
        raise InvalidArgument(f"Failed to use user '{text}': user ids end at {_MAX_UID}")
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL in the name
        raise InvalidArgument(
            f"Failed to find user '{text}': neither a user id nor the name of a user on this host"
        ) from None


def parse_ppid(text: str) -> int:
    """Return a parent's process id; 0 is the parent of init. Raises InvalidArgument."""
    if re.fullmatch(r"[0-9]{1,9}", text) and int(text) <= _MAX_PID:
        return int(text)
    raise InvalidArgument(
        f"Failed to use parent '{text}': expected a process id, a number from 0 to {_MAX_PID}"
    )


def parse_regex(text: str) -> re.Pattern[bytes]:
    """Compile a regular expression (Python's syntax) over bytes. Raises InvalidArgument."""
    try:
        with warnings.catch_warnings():
            # They are about syntax that may change its meaning: users here cannot act on that.
            warnings.simplefilter("ignore")
            return re.compile(os.fsencode(text))
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        reason = f"{error.msg}{where}"
    except (OverflowError, RecursionError, UnicodeEncodeError) as error:
        reason = str(error)
    raise InvalidArgument(f"Failed to parse regular expression '{text}': {reason}")


class EventFilter:
    """Says which execs and exits are shown, by the values of -u, -P, -n and -l.

    None shows everything. `name` is searched for in comm, `line` in the words of the command
    joined by single spaces; the first word is the file name passed to the system call. An id that
    could not be read does not match.

    An exit is shown if its exec was, for the newest 65,536 of them. For others, which began before
    tracing, the process decides; `line`, which needs arguments, shows none.
    """

    def __init__(
        self,
        user: str | None = None,
        ppid: str | None = None,
        name: str | None = None,
        line: str | None = None,
    ) -> None:
        """Take the options as they were given. Raises InvalidArgument."""
        self._uid = None if user is None else parse_user(user)
        self._ppid = None if ppid is None else parse_ppid(ppid)
        self._name = None if name is None else parse_regex(name)
        self._line = None if line is None else parse_regex(line)
        self._shown: OrderedDict[tuple[int, int, int], None] = OrderedDict()

    def __call__(self, event: Event) -> bool:
        """Return True if an event is to be shown."""
        image = (event.pid, event.start_ns, event.exec_count)
        if event.type == "exit" and image in self._shown:
            del self._shown[image]
            return True
        place = event.place
        matches = place.made.get(self)
        if matches is None:
            matches = place.made[self] = self._matches_place(place)
        if not matches or (self._line is not None and not self._matches_line(event, self._line)):
            return False
        if event.type == "exec" and not event.error and not event.flags & record.FLAG_BAD_START:
            if len(self._shown) >= _IDS_LIMIT:
                self._shown.popitem(last=False)
            self._shown[image] = None
        return True

    def _matches_place(self, place: Place) -> bool:
        uid = None if place.flags & record.FLAG_BAD_IDS else place.uid
        ppid = None if place.flags & _PARENT_FLAGS[place.type] else place.ppid
        return (
            (self._uid is None or self._uid == uid)
            and (self._ppid is None or self._ppid == ppid)
            and (self._name is None or self._name.search(place.comm) is not None)
        )

    def _matches_line(self, event: Event, line: re.Pattern[bytes]) -> bool:
        if event.type == "exit":
            return False
        flags = event.place.flags
        filename = None if flags & record.FLAG_BAD_FILENAME else event.place.filename
        is_script = filename is not None and bool(flags & record.FLAG_SCRIPT)
        words, _ = command_words(filename, strings_of(event.argv), is_script=is_script)
        return line.search(b" ".join(words)) is not None


_PARENT_FLAGS = {"exec": record.FLAG_BAD_ANCESTORS, "exit": record.FLAG_BAD_START}
