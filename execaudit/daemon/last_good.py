# SPDX-License-Identifier: Apache-2.0
"""The last configuration that was in force, for a start where what is on disk has mistakes.

An upgrade restarts the daemon, even if an administrator is editing the configuration: without this
the host would have no logger from then on. Owns the copy in the service's state directory. Only the
service uses it: whoever starts a daemon by hand sees the mistakes at once.
"""

import json
import os
from pathlib import Path

from execaudit.config.configuration import Loaded, Paths, load, load_sources
from execaudit.config.source import Source
from execaudit.daemon.log import log
from execaudit.daemon.setup import Setup, build_setup
from execaudit.errors import MALFORMED, ExecauditError, NoPermission, NotConfigured, failed_call
from execaudit.records.host import Host
from execaudit.replace_file import replace_file
from execaudit.sinks.notices import ERROR, WARNING

_NAME = "last-good-configuration.json"
_FORMAT = 1


def set_up(paths: Paths, host: Host) -> Setup:
    """Build the setup of the configuration, or of the last good one, and log which.

    Raises ExecauditError if neither can be used.
    """
    try:
        setup = build_setup(load(paths), host)
    except (NotConfigured, NoPermission) as error:
        setup_again = _set_up_again(paths, host)
        if setup_again is None:
            raise type(error)(f"Failed to use the configuration:\n{error}") from None
        setup = setup_again
        setup.config_error = str(error)
        for line in setup.config_error.splitlines():
            log(ERROR, line)
        log(
            ERROR,
            "Failed to use the configuration: it has mistakes; going on with the last one that had"
            f" none, {setup.loaded.config_hash[:12]}",
        )
    return setup


def _set_up_again(paths: Paths, host: Host) -> Setup | None:
    last = _read(paths)
    if last is None:
        return None
    try:
        return build_setup(last, host)
    except ExecauditError:
        return None


def keep(paths: Paths, loaded: Loaded) -> None:
    """Keep a copy of a configuration that has come into force, if this is the service."""
    path = _path(paths)
    if path is None:
        return
    files = [{"file": each.file, "name": each.name, "text": each.text} for each in loaded.sources]
    content = {"format": _FORMAT, "rules_from": loaded.rules_from, "files": files}
    data = json.dumps(content).encode()
    try:
        if not path.exists() or path.read_bytes() != data:
            replace_file(path, data)
    except OSError as error:
        doing = f"keep this configuration in '{path}' for a start with a broken one"
        log(WARNING, str(failed_call(doing, error)))


def _path(paths: Paths) -> Path | None:
    """Return the path of the copy; None unless this is the service with the usual configuration."""
    directory = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    is_usual = paths == Paths.of_system() and directory.startswith("/")
    return Path(directory, _NAME) if is_usual else None


def _read(paths: Paths) -> Loaded | None:
    path = _path(paths)
    if path is None:
        return None
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            return None
        sources = [
            Source(each["file"], each["name"], each["text"].encode()) for each in content["files"]
        ]
        rules_from = int(content["rules_from"])
        return load_sources(sources[:rules_from], sources[rules_from:], [])
    except (OSError, *MALFORMED):
        return None
