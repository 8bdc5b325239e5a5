# SPDX-License-Identifier: Apache-2.0
"""Names of users: from a file at once, from the Name Service Switch whenever it answers."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from execaudit.records.host import Host
from execaudit.records.place import PlaceDescriber
from execaudit.records.users import Users
from tests.records import BOOT, exec_record
from tests.unit.exec_fields import decode

PASSWD = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"
LIMIT_S = 20


class Directory:
    """Stands for LDAP: answers when it is let, with a name for each uid from 5000 on."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.asked: list[int] = []
        self.changed: dict[int, str] = {}

    def ask(self, uid: int) -> str:
        self.asked.append(uid)
        assert self.is_open.wait(LIMIT_S)
        if uid < 5000:
            raise KeyError(uid)
        return self.changed.get(uid, f"user{uid}")


@pytest.fixture
def directory() -> Iterator[Directory]:
    made = Directory()
    yield made
    made.is_open.set()  # lets the thread go


@pytest.fixture
def passwd(tmp_path: Path) -> Path:
    path = tmp_path / "passwd"
    path.write_text(PASSWD)
    return path


def refresh_until(users: Users, is_done: Callable[[], bool]) -> None:
    """Look again and again: a thread has no descriptor to wait for."""
    end_s = time.monotonic() + LIMIT_S
    while not is_done():
        assert time.monotonic() < end_s
        users.refresh()
        os.sched_yield()


def test_users_of_the_file_are_known_without_asking(passwd: Path, directory: Directory) -> None:
    users = Users(directory.ask, passwd)

    assert [users.name(uid) for uid in (0, 1000, 1000)] == ["root", "ann", "ann"]
    assert directory.asked == []


def test_answer_that_comes_at_once_is_in_the_first_record(
    passwd: Path, directory: Directory
) -> None:
    directory.is_open.set()
    users = Users(directory.ask, passwd)

    # With what patience there is; a machine that is busy may take longer than that.
    refresh_until(
        users,
        lambda: users.name(5001) == "user5001" and users.name(7) is None and 7 in users.names,
    )

    assert set(directory.asked) == {5001, 7}


def test_directory_that_hangs_is_waited_for_50_ms_in_all(
    passwd: Path, directory: Directory
) -> None:
    users = Users(directory.ask, passwd)
    assert users._patience_s == pytest.approx(0.05)

    assert [users.name(uid) for uid in range(5000, 5200)] == [None] * 200
    assert users._patience_s <= 0


def test_name_that_comes_later_is_told(passwd: Path, directory: Directory) -> None:
    users = Users(directory.ask, passwd)
    assert users.name(5001) is None
    before = users.version

    directory.is_open.set()
    refresh_until(users, lambda: users.version != before)

    assert users.name(5001) == "user5001"


def test_questions_that_wait_are_bounded_and_the_others_asked_later(
    passwd: Path, directory: Directory
) -> None:
    users = Users(directory.ask, passwd)
    wanted = range(5000, 5600)
    for uid in wanted:
        users.name(uid)
    assert len(users._asked) == 256

    directory.is_open.set()
    refresh_until(users, lambda: None not in list(map(users.name, wanted)))


def test_names_kept_are_bounded(passwd: Path, directory: Directory) -> None:
    directory.is_open.set()
    users = Users(directory.ask, passwd)

    for uid in range(10_000):
        users.name(uid)
        users.refresh()

    assert len(users.names) <= 4096 + 256
    assert len(users._nameless) <= 4096


def test_file_that_changes_is_read_anew(passwd: Path, directory: Directory) -> None:
    directory.is_open.set()
    users = Users(directory.ask, passwd)
    assert users.name(1000) == "ann"
    before = users.version

    new = passwd.with_name("new")
    new.write_text(PASSWD.replace("ann", "eve") + "dave:x:5001:5001::/:/bin/sh\n")
    new.replace(passwd)
    users.refresh()

    assert users.version != before
    assert [users.name(uid) for uid in (1000, 5001)] == ["eve", "dave"]
    assert directory.asked == []


def test_user_that_leaves_the_file_is_asked_for(passwd: Path, directory: Directory) -> None:
    directory.is_open.set()
    users = Users(directory.ask, passwd)
    assert users.name(1000) == "ann"

    passwd.write_text(PASSWD.splitlines(keepends=True)[0])
    refresh_until(users, lambda: users.name(1000) is None)


def test_answers_are_asked_for_again_after_a_minute(
    passwd: Path, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.is_open.set()
    users = Users(directory.ask, passwd)
    refresh_until(users, lambda: users.name(5001) is not None)
    directory.changed[5001] = "other"
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 61)

    refresh_until(users, lambda: users.name(5001) == "other")


@pytest.mark.parametrize(
    "line",
    ["+ann:x:7:7::/:/bin/sh", "-ann:x:7:7::/:/bin/sh", "# ann:x:7:7::/:", "ann:x:seven:7::/:",
     "ann:x", "", ":x:7:7::/:", "ann:x:-7:7::/:"],
)  # fmt: skip
def test_line_that_is_no_user_is_none(passwd: Path, directory: Directory, line: str) -> None:
    directory.is_open.set()
    passwd.write_text(line + "\n" + PASSWD)

    users = Users(directory.ask, passwd)

    assert users._local == {0: "root", 1000: "ann"}


def test_name_that_is_not_utf8_is_shown_with_replacements(
    passwd: Path, directory: Directory
) -> None:
    passwd.write_bytes(b"b\xf6rn:x:3:3::/:/bin/sh\n")

    assert Users(directory.ask, passwd).name(3) == "b\ufffdrn"


def test_missing_file_leaves_all_to_the_switch(tmp_path: Path, directory: Directory) -> None:
    directory.is_open.set()
    users = Users(directory.ask, tmp_path / "none")

    refresh_until(users, lambda: users.name(5001) == "user5001")


def test_records_go_on_while_a_directory_hangs_and_have_the_name_when_it_came(
    passwd: Path, directory: Directory
) -> None:
    host = Host("box", BOOT, 0)
    users = host._live = Users(directory.ask, passwd)
    describe = PlaceDescriber(host)
    (event,) = decode(exec_record(b"x", uid=5001, euid=5001))

    # The directory opens below: what waited for it would wait until its own limit, and fail.
    assert [describe(event.place).get("user") for _ in range(100)] == [None] * 100
    before = host.names_version
    directory.is_open.set()
    refresh_until(users, lambda: users.name(5001) is not None)
    host.follow()
    describe.follow_host()

    assert host.names_version != before
    assert describe(event.place)["user"] == "user5001"
