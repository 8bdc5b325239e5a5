# SPDX-License-Identifier: Apache-2.0
"""The filters of `execaudit trace`, those of execsnoop: user, parent, name, line.

Owns the parsing of these options and the decision about one exec. It reads nothing but the user
data base, once per option. Filters compare bytes, as programs wrote them, so that text which is
not UTF-8 can be found too.
"""

import os
import pwd
import re
import warnings
from collections import OrderedDict
from dataclasses import dataclass

from execaudit.errors import InvalidArgument
from execaudit.records.command import command_words
from execaudit.records.record import strings_of
from execaudit.wire import record
from execaudit.wire.event import Event, Place

_MAX_UID = 2**32 - 2  # 2^32-1 is (uid_t)-1, no user
_IDS_LIMIT = 65536
_MAX_PID = 2**22  # PID_MAX_LIMIT, include/linux/threads.h


@dataclass(frozen=True, slots=True)
class Filters:
    """What an exec must be to be shown. None lets everything through; 0 is a value like others.

    Attributes:
        uid: the real user id.
        ppid: the parent's process id.
        name: searched for in comm.
        line: searched for in the words of the command, joined by single spaces, the first being
            the file name passed to the system call.

    """

    uid: int | None = None
    ppid: int | None = None
    name: re.Pattern[bytes] | None = None
    line: re.Pattern[bytes] | None = None


def parse_user(text: str) -> int:
    """Return the user id for a number or a name (a number wins, as in execsnoop).

    Raises InvalidArgument.
    """
    if re.fullmatch(r"[0-9]+", text):
        uid = int(text)
        if uid <= _MAX_UID:
            return uid
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
            # About syntax that may change its meaning; nothing that a user here can act on.
            warnings.simplefilter("ignore")
            return re.compile(os.fsencode(text))
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        reason = f"{error.msg}{where}"
    except (OverflowError, RecursionError, UnicodeEncodeError) as error:
        reason = str(error)
    raise InvalidArgument(f"Failed to parse regular expression '{text}': {reason}")


def build_filters(
    user: str | None = None,
    ppid: str | None = None,
    name: str | None = None,
    line: str | None = None,
) -> Filters:
    """Return the filters for the values of -u, -P, -n and -l, None for those not given.

    Raises InvalidArgument.
    """
    return Filters(
        uid=None if user is None else parse_user(user),
        ppid=None if ppid is None else parse_ppid(ppid),
        name=None if name is None else parse_regex(name),
        line=None if line is None else parse_regex(line),
    )


def matches_process(filters: Filters, uid: int | None, ppid: int | None, comm: bytes) -> bool:
    """Tell whether -u, -P and -n let it through. An id of None could not be read: no match."""
    return (
        (filters.uid is None or filters.uid == uid)
        and (filters.ppid is None or filters.ppid == ppid)
        and (filters.name is None or filters.name.search(comm) is not None)
    )


def matches_line(
    filters: Filters, filename: bytes | None, argv: list[bytes], *, is_script: bool
) -> bool:
    """Tell whether -l lets a command through; the arguments are those of command_words()."""
    if filters.line is None:
        return True
    words, _ = command_words(filename, argv, is_script=is_script)
    return filters.line.search(b" ".join(words)) is not None


class EventFilter:
    """Says which execs and exits are to be shown.

    An exit is shown if its exec was, for the newest 65,536 of them. For others (begun before
    tracing) the process decides, and -l, which needs arguments, lets none through.
    """

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self._shown: OrderedDict[tuple[int, int, int], None] = OrderedDict()

    def __call__(self, event: Event) -> bool:
        """Return True where an event is to be shown."""
        filters = self.filters
        image = (event.pid, event.start_ns, event.exec_count)
        if event.type == "exit" and image in self._shown:
            del self._shown[image]
            return True
        if not self._matches_place(event.place):
            return False
        if event.type == "exit":
            return filters.line is None
        if filters.line is not None and not self._matches_line(event):
            return False
        if not event.error and not event.flags & record.FLAG_BAD_START:
            if len(self._shown) >= _IDS_LIMIT:
                self._shown.popitem(last=False)
            self._shown[image] = None
        return True

    def _matches_place(self, place: Place) -> bool:
        """Return True where the process matches; the answer is kept with the place."""
        answer = place.made.get(self)
        if answer is None:
            flags = place.flags
            uid = None if flags & record.FLAG_BAD_IDS else place.uid
            parent_flag = _PARENT_FLAGS[place.type]
            ppid = None if flags & parent_flag else place.ppid
            answer = place.made[self] = matches_process(self.filters, uid, ppid, place.comm)
        return bool(answer)

    def _matches_line(self, event: Event) -> bool:
        place = event.place
        is_unreadable = bool(place.flags & record.FLAG_BAD_FILENAME)
        return matches_line(
            self.filters,
            None if is_unreadable else place.filename,
            strings_of(event.argv),
            is_script=bool(place.flags & record.FLAG_SCRIPT) and not is_unreadable,
        )


_PARENT_FLAGS = {"exec": record.FLAG_BAD_ANCESTORS, "exit": record.FLAG_BAD_START}
