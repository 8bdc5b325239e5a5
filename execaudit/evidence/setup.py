# SPDX-License-Identifier: Apache-2.0
"""`execaudit seal setup`: makes the first key of a chain, and shows the auditor's key.

Owns the verb. The verifying key is shown once and stored nowhere.
"""

import argparse
import os
import pwd
import sys
import time
from pathlib import Path

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.errors import EXIT_OK, ExecauditError, InvalidArgument
from execaudit.evidence.key_state import MOST_PERIODS, KeyState
from execaudit.evidence.keys import KEY_BYTES, VerifyingKey, next_key
from execaudit.evidence.qr import draw
from execaudit.evidence.state import certificates_path, make_folder, new_path
from execaudit.replace_file import replace_file

_USER = "execaudit"


def run(args: argparse.Namespace) -> int:
    """Make a key state and show the verifying key; return the exit status."""
    path = load(choose_paths(args.config, args.root)).config.seal.state
    if args.root != Path("/"):
        path = str(args.root) + path
    is_first = not Path(path).exists()
    if not is_first and not args.force:
        raise InvalidArgument(
            f"Failed to make a key: there is one in '{path}'; --force makes another one, which the"
            " log records"
        )
    target = path if is_first else new_path(path)
    key = make_state(target, is_public=args.public, owner=_owner(path))
    _show(key, is_first=is_first)
    return EXIT_OK


def make_state(
    path: str, *, is_public: bool, owner: tuple[int, int], periods: int = MOST_PERIODS
) -> VerifyingKey:
    """Write the key state of a new chain; return its verifying key. Raises ExecauditError.

    `periods`: the number of hours to certify, for signatures.
    """
    first = os.urandom(KEY_BYTES)
    try:
        make_folder(Path(path).parent, owner)
        for old in (path, certificates_path(path)):
            Path(old).unlink(missing_ok=True)
        if is_public:
            seed, hour = os.urandom(KEY_BYTES), int(time.time()) // 3600
            key, certificates = certify(seed, hour, periods)
            replace_file(certificates_path(path), certificates, owner=owner)
            state = KeyState(first, key.chain, is_secret=False)
            state.seed[:], state.period, state.first_period = seed, hour, hour
        else:
            key = VerifyingKey(first, is_secret=True)
            state = KeyState(first, key.chain, is_secret=True)
        replace_file(path, state.pack(), owner=owner)  # whole, or not there
    except OSError as error:
        raise ExecauditError(
            f"Failed to write '{error.filename or path}': {error.strerror}"
        ) from error
    return key


def certify(seed: bytes, hour: int, count: int) -> tuple[VerifyingKey, bytes]:
    """Certify the keys of `count` hours with a key that nobody keeps; return its public part.

    Also return the certificates, of 64 bytes each. Raises NotConfigured without libsodium.
    """
    from execaudit.evidence import signing  # noqa: PLC0415 - loads libsodium

    root = signing.Signer(os.urandom(signing.SEED_BYTES))
    certificates: list[bytes] = []
    for period in range(hour, hour + count):
        public = signing.seal_signer(seed).public
        certificates.append(root.sign(signing.certificate_message(period, public)))
        seed = next_key(seed)
    root.forget()
    return VerifyingKey(root.public, is_secret=False), b"".join(certificates)


def _owner(path: str) -> tuple[int, int]:
    """Return uid and gid of the daemon's user."""
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        status = next(each for each in Path(path).parents if each.exists()).stat()
        return status.st_uid, status.st_gid
    return user.pw_uid, user.pw_gid


def _show(key: VerifyingKey, *, is_first: bool) -> None:
    kept = (
        "Keep it off this host, and to yourself: who has it can make seals.\n"
        if key.is_secret
        else "It is no secret. Keep it where nobody on this host can replace it.\n"
    )
    begins = "restarted" if is_first else "reloaded"
    sys.stdout.write(
        "The verifying key, which is shown once and stored nowhere:\n\n"
        f"    {key}\n\n{draw(str(key))}"
        f"{kept}"
        f"It verifies chain {key.chain}: execaudit verify --key FILE\n"
        f"Sealing begins when the daemon is {begins}: systemctl"
        f" {begins.removesuffix('ed')} execaudit\n"
    )
