# SPDX-License-Identifier: Apache-2.0
"""`execaudit verify`: the verb.

Owns its options, what is read, and its exit status: 0 whole, 1 altered, 2 cannot tell.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.errors import InvalidArgument, failed_call
from execaudit.evidence.keys import VerifyingKey, read_verifying_key
from execaudit.query.progress import ProgressBar
from execaudit.store.broken import Broken
from execaudit.verify.ending import Expected, compare, judge_all
from execaudit.verify.files import LogFiles, find_logs
from execaudit.verify.findings import ALTERED, UNKNOWN, VERDICTS, WHOLE, Finding, weigh
from execaudit.verify.journal_seals import journal_seals
from execaudit.verify.judge import Judge
from execaudit.verify.proofs import Proofs
from execaudit.verify.report import LogVerdict
from execaudit.verify.sequence import Sequence
from execaudit.verify.walk import Found, Stretch, walk


def _ignore(_: int) -> None:
    """Ignore progress."""


def run(args: argparse.Namespace) -> int:
    """Verify; return the verdict as exit status. Raises ExecauditError."""
    keys = [_read_key(each) for each in args.key]
    expected = [_read_expected(each) for each in args.expect]
    paths = args.files or [_configured_log(args)]
    broken = Broken()
    logs = find_logs(paths, broken)
    elsewhere = journal_seals(args.against, args.directory) if args.against else []
    total = sum(part.size for log in logs for part in log.parts)
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count

    with ProgressBar(total, lambda: done):
        verdicts = verify_all(logs, paths, keys, expected, elsewhere, progress)
    _print(verdicts, broken, is_json=args.json)
    return weigh([each.verdict for each in verdicts] + [UNKNOWN] * (not broken.is_empty))


def _configured_log(args: argparse.Namespace) -> str:
    path = load(choose_paths(args.config, args.root)).config.file.path
    return path if args.root == Path("/") else str(args.root) + path


def verify_all(
    logs: list[LogFiles],
    paths: list[str],
    keys: list[VerifyingKey],
    expected: Expected,
    elsewhere: Expected,
    progress: Callable[[int], None] = _ignore,
) -> list[LogVerdict]:
    """Return the verdicts on logs, which were found at `paths`."""
    is_part = not any(
        path == "-" or path.endswith(".jsonl") or Path(path).is_dir() for path in paths
    )
    verdicts = [
        _verify_log(log, keys, expected, elsewhere, progress, is_part=is_part) for log in logs
    ]
    return [_compare_keys(verdicts[0], keys)] if len(logs) == 1 else verdicts


def _verify_log(
    log: LogFiles,
    keys: list[VerifyingKey],
    expected: Expected,
    elsewhere: Expected,
    progress: Callable[[int], None],
    *,
    is_part: bool,
) -> LogVerdict:
    broken = Broken()
    proofs, sequence = Proofs(keys), Sequence()
    judge = Judge(proofs, broken)
    last_line = b""

    def see(data: bytes) -> None:
        nonlocal last_line
        sequence.take(data)
        last_line = data[data.rfind(b"\n", 0, -1) + 1 :][:256]

    rest = Stretch()
    for found in walk(log.parts, broken, see, progress):
        if isinstance(found, Found):
            judge.take(found)
        else:
            rest = found
    judge_all(judge, proofs, rest, last_line, is_part=is_part)
    compare(judge, expected, "--expect")
    compare(judge, [each for each in elsewhere if each[0] in judge.chains], "the journal")
    missing = sequence.end(is_sealed=judge.first is not None)
    findings = [*judge.findings, *_about_files(log, broken), *missing]
    return LogVerdict(
        name=log.parts[-1].path,
        files=[part.path for part in log.parts],
        first=judge.first,
        last=judge.last,
        lines=judge.sealed_lines,
        is_proved=judge.proved == judge.seals and judge.seals > 0,
        findings=findings,
        events=sequence.events,
        lost=sequence.lost,
    )


def _about_files(log: LogFiles, broken: Broken) -> Iterator[Finding]:
    for copy, original in log.copies:
        text = f"{copy} begins with the same seal as {original}, and is left out as a copy"
        yield Finding("copy", WHOLE, text)
    for name in log.torn:
        text = f"{name} has what a crash left of a line; it was never a record"
        yield Finding("torn", WHOLE, text)
    for problem in broken.named:
        yield Finding("unreadable", UNKNOWN, problem)


def _compare_keys(verdict: LogVerdict, keys: list[VerifyingKey]) -> LogVerdict:
    """Return the verdict; add a finding if no given key belongs to the only log."""
    chain = (verdict.last or {}).get("chain")
    if not keys or chain is None or any(key.chain == chain for key in keys):
        return verdict
    finding = Finding(
        "wrong-chain", ALTERED,
        f"the log is not of the chain {keys[0].chain} of the key given: it is another host's, or"
        " made again with another key, or this is the wrong key",
    )  # fmt: skip
    return verdict._replace(findings=[finding, *verdict.findings])


def _print(verdicts: list[LogVerdict], broken: Broken, *, is_json: bool) -> None:
    if is_json:
        verdict = weigh([each.verdict for each in verdicts])
        shown = {"verdict": VERDICTS[verdict], "logs": [each.as_json() for each in verdicts]}
        print(json.dumps(shown | {"unreadable": broken.named}))
        return
    for each in verdicts:
        print(each.as_text())
    for problem in broken.named:
        print(f"cannot tell: {problem}")


def _read_key(text: str) -> VerifyingKey:
    """Return a verifying key, given as text or as a file. Raises ExecauditError."""
    if ":" not in text or text.startswith("/"):
        try:
            with Path(text).open(encoding="ascii", errors="replace") as file:
                text = file.read(_KEY_FILE_LIMIT)  # somebody may name a log here, or a device
        except OSError as error:
            raise failed_call(f"read key '{text}'", error) from error
    return read_verifying_key(text)


_KEY_FILE_LIMIT = 64 << 10
_is_expected = re.compile(r"[0-9]{1,18}(?::[0-9a-f]*)?").fullmatch


def _read_expected(text: str) -> tuple[str, int, str]:
    epoch, _, proof = text.partition(":")
    if not _is_expected(text):
        raise InvalidArgument(
            f"Failed to use --expect '{text}': expected the number of an epoch, or EPOCH:SEAL as"
            " the last verification showed it"
        )
    return "", int(epoch), proof
