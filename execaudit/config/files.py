# SPDX-License-Identifier: Apache-2.0
"""Which files make up the configuration, in what order, and whether they can be trusted.

Owns the search in /usr/lib and /etc, precedence and masking, and the refusal of files that others
could have written, by owner and mode of the file and of every directory above it. It need not look
at access control lists: what they grant beyond the owner shows in the group bits (acl(5)). It does
not know what the files say.
"""

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from execaudit.config.source import Problem, Source
from execaudit.errors import InvalidArgument
from execaudit.records.quoting import make_printable

SERVICE_USER = "execaudit"
MAIN = "execaudit.toml"
DROP_INS = "conf.d"
RULES = "rules.d"
VENDOR = "usr/lib/execaudit"
LOCAL = "etc/execaudit"
_SUFFIX = ".toml"
_MAX_BYTES = 16 << 20
_MAX_LINKS = 40  # as the kernel's MAXSYMLINKS
_NULL = os.makedev(1, 3)
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class Paths:
    """Where to look.

    Attributes:
        folders: each with execaudit.toml, conf.d and rules.d; any may be missing. A file in a later
            folder replaces, or masks, the file of the same name in earlier ones.
        main: name of the main file.
        needs_main: True if it is a mistake that there is no main file.
        root: absolute links start from here; owners and modes above it do not matter.

    """

    folders: tuple[Path, ...]
    main: str = MAIN
    needs_main: bool = False
    root: Path = Path("/")

    @classmethod
    def of_system(cls, root: Path = Path("/")) -> "Paths":
        """Return the paths of the system, or of a system installed in `root`."""
        return cls((root / VENDOR, root / LOCAL), root=root)

    @classmethod
    def of_file(cls, file: Path, root: Path = Path("/")) -> "Paths":
        """Return the paths of one file, with conf.d and rules.d beside it."""
        return cls((file.parent,), file.name, needs_main=True, root=root)


def read_sources(paths: Paths) -> tuple[list[Source], list[Source], list[Problem]]:
    """Read all files that count.

    Returns the files of the configuration, later ones override earlier ones, the rules files in
    order, and the problems with files as a whole. Files with problems are left out.
    """
    root = paths.root
    problems: list[Problem] = []
    config: list[Source] = []
    rules: list[Source] = []
    folders = [folder for folder in paths.folders if _is_usable(folder, root, problems)]
    main = [folder / paths.main for folder in folders if os.path.lexists(folder / paths.main)]
    if main:
        config += _read(main[-1], paths.main, root, problems)
    elif paths.needs_main and not problems:
        missing = str(paths.folders[-1] / paths.main)
        problems.append(Problem(missing, 0, 0, "", "does not exist"))
    for folder, kind in ((DROP_INS, config), (RULES, rules)):
        for name, path in _list_folder(folders, folder, root, problems):
            kind.extend(_read(path, f"{folder}/{name}", root, problems))
    return config, rules, problems


def _list_folder(
    folders: list[Path], name: str, root: Path, problems: list[Problem]
) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the *.toml files in the folders of this name, in order of name."""
    found: dict[str, Path] = {}
    for folder in folders:
        path = folder / name
        if not _is_usable(path, root, problems):
            continue
        try:
            names = os.listdir(path)  # noqa: PTH208 - names, not paths
        except OSError as error:
            problems.append(_unreadable(path, error))
            continue
        found.update(
            {each: path / each for each in names if each.endswith(_SUFFIX) and each[0] != "."}
        )
    yield from sorted(found.items(), key=lambda item: os.fsencode(item[0]))


def _is_usable(folder: Path, root: Path, problems: list[Problem]) -> bool:
    """Return True if there is such a directory and nobody else can put files there."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        problems.append(_unreadable(folder, error))
        return False
    if not stat.S_ISDIR(status.st_mode):
        problems.append(Problem(str(folder), 0, 0, "", "is no directory, expected one"))
        return False
    if not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
        # Or else the files in it would look as if they did not exist.
        problems.append(_unreadable(folder, PermissionError(errno.EACCES, "Permission denied")))
        return False
    doubts = _doubts_about_folder(folder, root)
    problems += doubts
    return not doubts


def _read(path: Path, name: str, root: Path, problems: list[Problem]) -> list[Source]:
    """Return the file in a list; an empty list if it is masked or empty, or has a problem."""
    try:
        target, folders = _follow_links(path, root)
        if target is None:
            return []
        descriptor = os.open(target, _OPEN_FLAGS)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL:
                return []
            doubts = [*_doubts_about_kind(path, status), *_doubts_about(path, status)]
            for folder in folders:
                doubts += _doubts_about_folder(folder, root)
            problems += doubts
            data = b"" if doubts else _read_all(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        problems.append(_unreadable(path, error))
        return []
    return _decode(path, name, data, problems) if data else []


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(_MAX_BYTES)


def _follow_links(path: Path, root: Path) -> tuple[Path | None, list[Path]]:
    """Follow links as a system installed in `root` would.

    Returns the file (None: /dev/null) and the directories that links led into. Raises OSError.
    """
    folders: list[Path] = []
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            return path, folders
        target = path.readlink()
        if target == Path(os.devnull):
            return None, folders
        path = root / target.relative_to("/") if target.is_absolute() else path.parent / target
        folders.append(path.parent)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _doubts_about_kind(path: Path, status: os.stat_result) -> list[Problem]:
    if not stat.S_ISREG(status.st_mode):
        what = "is no regular file, expected one, or a link to /dev/null to mask it"
    elif status.st_size > _MAX_BYTES:
        what = f"is {status.st_size} bytes long, expected at most {_MAX_BYTES}"
    else:
        return []
    return [Problem(str(path), 0, 0, "", what)]


def _decode(path: Path, name: str, data: bytes, problems: list[Problem]) -> list[Source]:
    if data.startswith(b"\xef\xbb\xbf"):
        text = "begins with a byte order mark, expected UTF-8 without"
        problems.append(Problem(str(path), 1, 1, "", text))
        return []
    try:
        return [Source(str(path), name, data)]
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        text = f"has byte 0x{data[error.start]:02x} here, expected UTF-8"
        problems.append(Problem(str(path), line, column, "", text))
        return []


def _unreadable(path: Path, error: OSError) -> Problem:
    reason = make_printable(error.strerror or str(error))
    hint = ""
    if isinstance(error, PermissionError):
        hint = ", expected to be run by root or the service's user"
    elif isinstance(error, FileNotFoundError):
        reason = "it is a link to a file that does not exist"
        hint = ", expected one, or a link to /dev/null to mask it"
    is_denied = isinstance(error, PermissionError)
    return Problem(str(path), 0, 0, "", f"cannot be read: {reason}{hint}", is_denied)


def _doubts_about_folder(folder: Path, root: Path) -> list[Problem]:
    """Return why a directory is refused, for itself or one above it; [] if it is trusted.

    A sticky directory above, such as /tmp, is fine: only the owner of a file can replace it. The
    directory itself must not be: anybody could add files. Directories above `root` do not matter.
    Both the place of a link and its target are judged.
    """
    root = root.resolve()
    problems = _doubts_about(folder.resolve(), folder.stat())
    judged = set()
    for above in (*folder.resolve().parents, *folder.absolute().parents):
        real = above.resolve()
        if real not in judged and real.is_relative_to(root):
            judged.add(real)
            problems += _doubts_about(real, real.stat(), is_sticky_fine=True)
    return problems


def _doubts_about(
    path: Path, status: os.stat_result, *, is_sticky_fine: bool = False
) -> list[Problem]:
    """Return why one file or directory is refused; [] if its owner and mode are fine."""
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


def choose_paths(config: Path | None, root: Path) -> Paths:
    """Return where to look, for the values of --config and --root. Raises InvalidArgument."""
    if not root.is_dir():
        raise InvalidArgument(f"Failed to use root '{root}': it is no directory")
    if config is None:
        return Paths.of_system(root)
    return Paths.of_file(config, root)
