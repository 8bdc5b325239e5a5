# SPDX-License-Identifier: Apache-2.0
"""Which configuration files count, in which order, and which are refused."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.config.configuration import Loaded, Paths, load
from tests.unit.config_tree import load_system, shown_problems, write_file

VENDOR = "usr/lib/execaudit"
LOCAL = "etc/execaudit"
NOBODY = 65534


def identifier(name: str) -> str:
    return f'[journal]\nidentifier = "{name}"\n'


def files_of(loaded: Loaded, root: Path) -> list[str]:
    assert loaded.problems == ()
    return [file.removeprefix(f"{root}/") for file in loaded.files]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that every user can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_no_file_at_all_gives_the_defaults(tmp_path: Path) -> None:
    loaded = load_system(tmp_path)

    assert loaded.problems == ()
    assert loaded.files == ()
    assert (loaded.config.file.enabled, loaded.config.journal.enabled) == (True, True)
    assert loaded.config.file.path == "/var/log/execaudit/execaudit.jsonl"


def test_files_are_read_main_first_then_drop_ins_by_name_across_both_places(
    tmp_path: Path,
) -> None:
    for name in (
        f"{VENDOR}/execaudit.toml",
        f"{VENDOR}/conf.d/20-b.toml",
        f"{LOCAL}/conf.d/30-c.toml",
        f"{LOCAL}/conf.d/10-a.toml",
        f"{VENDOR}/rules.d/90-z.toml",
        f"{LOCAL}/rules.d/50-y.toml",
        f"{VENDOR}/rules.d/A.toml",
    ):
        write_file(tmp_path, name, "# something\n")

    assert files_of(load_system(tmp_path), tmp_path) == [
        f"{VENDOR}/execaudit.toml",
        f"{LOCAL}/conf.d/10-a.toml",
        f"{VENDOR}/conf.d/20-b.toml",
        f"{LOCAL}/conf.d/30-c.toml",
        f"{LOCAL}/rules.d/50-y.toml",
        f"{VENDOR}/rules.d/90-z.toml",
        f"{VENDOR}/rules.d/A.toml",
    ]


def test_later_file_wins_key_by_key(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/execaudit.toml", identifier("main") + "[capture]\nexits = true")
    write_file(tmp_path, f"{VENDOR}/conf.d/20-b.toml", identifier("vendor"))
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", identifier("local"))

    config = load_system(tmp_path).config

    assert config.journal.identifier == "vendor"
    assert config.capture.exits


@pytest.mark.parametrize("name", ["execaudit.toml", "conf.d/10-a.toml"])
def test_local_file_replaces_the_vendors_of_the_same_name_as_a_whole(
    name: str, tmp_path: Path
) -> None:
    write_file(tmp_path, f"{VENDOR}/{name}", identifier("vendor") + "[capture]\nexits = true")
    write_file(tmp_path, f"{LOCAL}/{name}", identifier("local"))

    loaded = load_system(tmp_path)

    assert files_of(loaded, tmp_path) == [f"{LOCAL}/{name}"]
    assert loaded.config.journal.identifier == "local"
    assert not loaded.config.capture.exits


@pytest.mark.parametrize("mask", ["empty", "link", "link to a link"])
@pytest.mark.parametrize("name", ["execaudit.toml", "conf.d/10-a.toml", "rules.d/10-a.toml"])
def test_vendors_file_is_masked(name: str, mask: str, tmp_path: Path) -> None:
    text = "[[rule]]" if name.startswith("rules") else identifier("vendor")
    write_file(tmp_path, f"{VENDOR}/{name}", text)
    path = write_file(tmp_path, f"{LOCAL}/{name}", "")
    if mask != "empty":
        path.unlink()
        path.symlink_to("/dev/null" if mask == "link" else "../to-null")
        (tmp_path / LOCAL / "to-null").symlink_to("/dev/null")
        (tmp_path / "etc/to-null").symlink_to("/dev/null")

    loaded = load_system(tmp_path)

    assert files_of(loaded, tmp_path) == []
    assert loaded.config.journal.identifier == "execaudit"
    assert loaded.rules == ()


def test_files_of_other_names_are_not_read(tmp_path: Path) -> None:
    for name in ("10-a.conf", ".#10-a.toml", "10-a.toml~", "10-a.toml.dpkg-old", "x.toml.sample"):
        write_file(tmp_path, f"{LOCAL}/conf.d/{name}", "not TOML")

    assert files_of(load_system(tmp_path), tmp_path) == []


def test_given_file_is_read_with_the_folders_beside_it_only(tmp_path: Path) -> None:
    write_file(tmp_path, f"{VENDOR}/execaudit.toml", identifier("vendor"))
    write_file(tmp_path, f"{LOCAL}/execaudit.toml", identifier("local"))
    path = write_file(tmp_path, "mine/test.toml", "[capture]\nexits = true")
    write_file(tmp_path, "mine/conf.d/10-x.toml", "[stdout]\nenabled = true")

    loaded = load(Paths.of_file(path))

    assert files_of(loaded, tmp_path) == ["mine/test.toml", "mine/conf.d/10-x.toml"]
    assert loaded.config.stdout.enabled


def test_given_file_must_exist(tmp_path: Path) -> None:
    loaded = load(Paths.of_file(tmp_path / "x.toml"))

    assert shown_problems(loaded, tmp_path) == ["x.toml: does not exist"]


def test_link_is_followed_as_the_system_installed_there_would(tmp_path: Path) -> None:
    write_file(tmp_path, "usr/share/x.toml", identifier("linked"))
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "")
    link = tmp_path / LOCAL / "conf.d/20-b.toml"
    link.symlink_to("/usr/share/x.toml")

    loaded = load_system(tmp_path)

    assert files_of(loaded, tmp_path) == [f"{LOCAL}/conf.d/20-b.toml"]
    assert loaded.config.journal.identifier == "linked"


def test_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "").unlink()
    (tmp_path / LOCAL / "conf.d/10-a.toml").symlink_to("missing")
    (tmp_path / LOCAL / "conf.d/20-b.toml").symlink_to("20-b.toml")

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/conf.d/10-a.toml: cannot be read: it is a link to a file that does not exist,"
        " expected one, or a link to /dev/null to mask it",
        f"{LOCAL}/conf.d/20-b.toml: cannot be read: Too many levels of symbolic links",
    ]


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "")
    os.mkfifo(tmp_path / LOCAL / "conf.d/20-fifo.toml", 0o600)
    (tmp_path / LOCAL / "conf.d/30-folder.toml").mkdir(mode=0o755)
    (tmp_path / LOCAL / "conf.d/50-zero.toml").symlink_to("/dev/zero")
    expected = "is no regular file, expected one, or a link to /dev/null to mask it"

    problems = shown_problems(load(Paths((tmp_path / LOCAL,))), tmp_path)

    assert [line for line in problems if "can be written" not in line] == [
        f"{LOCAL}/conf.d/20-fifo.toml: {expected}",
        f"{LOCAL}/conf.d/30-folder.toml: {expected}",
        f"{LOCAL}/conf.d/50-zero.toml: {expected}",
    ]


def test_socket_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/execaudit.toml", "").unlink()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / LOCAL / "execaudit.toml"))

        assert shown_problems(load_system(tmp_path), tmp_path) == [
            f"{LOCAL}/execaudit.toml: cannot be read: No such device or address"
        ]


def test_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, f"{LOCAL}/execaudit.toml", "")
    os.truncate(path, (16 << 20) + 1)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/execaudit.toml: is 16777217 bytes long, expected at most 16777216"
    ]


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/conf.d", "")

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/conf.d: is no directory, expected one"
    ]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o660, "by its group (mode 0660), expected by its owner alone (chmod g-w)"),
        (0o646, "by others (mode 0646), expected by its owner alone (chmod o-w)"),
        (0o666, "by its group and others (mode 0666), expected by its owner alone (chmod go-w)"),
    ],
)
def test_file_that_others_can_write_is_refused(mode: int, expected: str, tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "not TOML, and not read", mode)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/conf.d/10-a.toml: can be written {expected}"
    ]


def test_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, f"{LOCAL}/execaudit.toml", "not TOML, and not read")
    os.chown(path, NOBODY, -1)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/execaudit.toml: is owned by nobody (uid {NOBODY}), expected root or execaudit"
        " (chown root)"
    ]


def test_file_of_a_user_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, f"{LOCAL}/execaudit.toml", "")
    os.chown(path, 4_000_000, -1)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/execaudit.toml: is owned by uid 4000000, expected root or execaudit (chown root)"
    ]


@pytest.mark.parametrize("folder", ["etc/execaudit/rules.d", "etc/execaudit", "etc", "."])
def test_folder_that_others_can_write_is_refused_once(folder: str, tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/rules.d/10-a.toml", "not TOML, and not read")
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "")
    (tmp_path / folder).chmod(0o775)

    assert [str(problem) for problem in load_system(tmp_path).problems] == [
        f"{(tmp_path / folder).resolve()}: can be written by its group (mode 0775), expected by"
        " its owner alone (chmod g-w)"
    ]


def test_sticky_folder_is_fine_above_but_not_for_drop_ins(tmp_path: Path) -> None:
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "")
    (tmp_path / "etc").chmod(0o1777)
    assert load_system(tmp_path).problems == ()

    (tmp_path / LOCAL / "conf.d").chmod(0o1777)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{LOCAL}/conf.d: can be written by its group and others (mode 1777), expected by its"
        " owner alone (chmod go-w)"
    ]


def test_link_into_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path, "srv/x.toml", "")
    write_file(tmp_path, "opt/x.toml", "").unlink()
    (tmp_path / "opt/x.toml").symlink_to("../srv/x.toml")
    write_file(tmp_path, f"{LOCAL}/conf.d/10-a.toml", "").unlink()
    (tmp_path / LOCAL / "conf.d/10-a.toml").symlink_to("/opt/x.toml")
    (tmp_path / "opt").chmod(0o777)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        "opt: can be written by its group and others (mode 0777), expected by its owner alone"
        " (chmod go-w)"
    ]


@pytest.mark.parametrize("folder", ["srv", "etc"])
def test_folder_behind_a_link_needs_trust_on_both_ends(folder: str, tmp_path: Path) -> None:
    write_file(tmp_path, "srv/execaudit/conf.d/10-a.toml", "")
    write_file(tmp_path, "etc/other", "")
    (tmp_path / LOCAL).symlink_to("../srv/execaudit")
    assert load_system(tmp_path).problems == ()

    (tmp_path / folder).chmod(0o777)

    assert shown_problems(load_system(tmp_path), tmp_path) == [
        f"{folder}: can be written by its group and others (mode 0777), expected by its owner"
        " alone (chmod go-w)"
    ]


def test_what_may_not_be_read_is_never_taken_for_absent(open_folder: Path) -> None:
    hint = "cannot be read: Permission denied, expected to be run by root or the service's user"
    write_file(open_folder, f"{LOCAL}/execaudit.toml", identifier("x"), 0o600)
    os.seteuid(NOBODY)
    try:
        file_closed = load_system(open_folder)
        os.seteuid(0)
        (open_folder / LOCAL).chmod(0o700)
        os.seteuid(NOBODY)
        folder_closed = load_system(open_folder)
    finally:
        os.seteuid(0)

    assert shown_problems(file_closed, open_folder) == [f"{LOCAL}/execaudit.toml: {hint}"]
    assert shown_problems(folder_closed, open_folder) == [f"{LOCAL}: {hint}"]


def test_own_files_are_trusted_without_being_root(open_folder: Path) -> None:
    path = write_file(open_folder, "mine/x.toml", identifier("x"))
    for each in (path, path.parent, open_folder):
        os.chown(each, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        loaded = load(Paths.of_file(path))
    finally:
        os.seteuid(0)

    assert loaded.problems == ()
    assert loaded.config.journal.identifier == "x"
