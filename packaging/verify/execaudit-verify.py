#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verify logs that execaudit sealed, with nothing but Python 3.11: no package, no library.

usage: execaudit-verify.py [--key KEY]... [--expect EPOCH[:SEAL]]... FILE|DIRECTORY...

Give all files of a log, or their directory; compressed with gzip or not, in any order, whatever
they are called now. KEY is the verifying key as `execaudit seal setup` showed it, or a file with
it. Exit status: 0 whole, 1 altered, 2 cannot tell. Written to be read; docs/evidence.md says what
a seal is. It looks at seals alone: `execaudit verify` follows sequence numbers and the journal too.
"""

import glob
import gzip
import hashlib
import json
import os
import re
import sys
from datetime import datetime

WHOLE, ALTERED, UNKNOWN = 0, 1, 2
WORDS = {WHOLE: "whole", ALTERED: "ALTERED", UNKNOWN: "cannot tell"}
PROOFS = ("mac", "signature", "endorsement")
SEAL = re.compile(
    rb'\{"time":"[^"]*","type":"seal"'
    rb'|\{"@timestamp":"[^"]*","event":\{"dataset":"execaudit\.seal"'
    rb'|\{"metadata":\{"original_time":"[^"]*","event_code":"seal"'
)
TIME = re.compile(rb'[^"]*"(?:time|@timestamp|metadata":\{"original_time)":"([^"]*)"')
LATE_S = 120
MOST_STEPS = 100_000_000


def blake2b(data=b"", key=b"", size=32):
    return hashlib.blake2b(data, key=key, digest_size=size)


# -- seals: what is proved by what ------------------------------------------------------------


def read_seal(line):
    """The record of a seal in our own format, ECS or OCSF; None for any other line."""
    if not SEAL.match(line):
        return None
    try:
        doc = json.loads(line)
        if "@timestamp" in doc:
            boot = doc["host"]["boot"]["id"].replace("-", "")
            doc = {**doc["execaudit"], "time": doc["@timestamp"], "type": "seal", "boot": boot,
                   "host": doc["host"]["name"], "reason": doc["event"]["reason"]}
        elif "metadata" in doc:
            doc = {**doc["unmapped"], "time": doc["metadata"]["original_time"], "type": "seal",
                   "boot": doc["device"]["boot_uid"], "host": doc["device"]["hostname"],
                   "reason": doc["status_code"]}
        return doc if isinstance(doc["epoch"], int) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def sealed_text(seal):
    """What MAC and signatures are of: all other members, sorted, as JSON without blanks."""
    content = {name: value for name, value in seal.items() if name not in PROOFS}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


class Key:
    """A verifying key, and how far it was followed."""

    def __init__(self, text):
        found = re.match(r"(secret|public):([0-9a-f]{64})$", re.sub(r"[\s-]", "", text).lower())
        if not found:
            stop(f"not a verifying key: {text!r}")
        self.is_secret, self.first = found[1] == "secret", bytes.fromhex(found[2])
        self.chain = blake2b(b"execaudit seal chain", self.first, 8).hexdigest()
        self.epoch, self.key = (0, self.first) if self.is_secret else (-1, b"")

    def check(self, seal):
        """True: genuine. False: not made with this chain's keys. None: cannot tell."""
        try:
            return self.check_mac(seal) if self.is_secret else self.check_signature(seal)
        except (ValueError, KeyError, TypeError):
            return False

    def check_mac(self, seal):
        epoch, key = self.epoch, self.key
        if seal["epoch"] < epoch:
            epoch, key = 0, self.first
        if seal["epoch"] - epoch > MOST_STEPS:
            return False
        for _ in range(seal["epoch"] - epoch):
            key = blake2b(b"execaudit seal next", key).digest()
        mac = blake2b(b"execaudit seal mac\n" + sealed_text(seal), key).hexdigest()
        if mac != seal["mac"]:
            return False
        self.epoch, self.key = seal["epoch"], key
        return True

    def check_signature(self, seal):
        message, public = b"execaudit seal signature\n" + sealed_text(seal), self.key
        if seal["epoch"] != self.epoch:  # not named by the seal before: is it certified?
            certificate = seal.get("certificate")
            if certificate is None:
                return None
            hour, period = bytes.fromhex(certificate["key"]), certificate["period"]
            certified = b"execaudit seal period\n%d\n" % period + hour
            if not (ed25519(self.first, certificate["signature"], certified)
                    and ed25519(hour, seal["endorsement"], message)):
                return False
            moment = datetime.fromisoformat(seal["time"][:19] + "Z")
            if period != int(moment.timestamp()) // 3600:
                return None
            public = bytes.fromhex(certificate["seal_key"])
        if not ed25519(public, seal["signature"], message):
            return False
        self.epoch, self.key = seal["epoch"] + 1, bytes.fromhex(seal["next_key"])
        return True


# -- Ed25519, RFC 8032 section 5.1.7 ----------------------------------------------------------

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(factor, point):
    result = (0, 1, 1, 0)
    while factor:
        result = add(result, point) if factor & 1 else result
        point, factor = add(point, point), factor >> 1
    return result


def decode(data):
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if not (x * x - square) % P else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (sign and not x):
        raise ValueError
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def ed25519(public, signature, message):
    raw = bytes.fromhex(signature)
    if len(raw) != 64 or len(public) != 32 or int.from_bytes(raw[32:], "little") >= L:
        return False
    digest = hashlib.sha512(raw[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    a = multiply(int.from_bytes(raw[32:], "little"), decode((4 * pow(5, -1, P) % P).to_bytes(32, "little")))
    b = add(decode(raw[:32]), multiply(challenge, decode(public)))
    return not ((a[0] * b[2] - b[0] * a[2]) % P or (a[1] * b[2] - b[1] * a[2]) % P)


# -- files ------------------------------------------------------------------------------------


def find(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
        if path.endswith(".jsonl"):
            yield from (other for other in sorted(glob.glob(glob.escape(path) + "[.-]*"))
                        if ".torn-" not in other and any(map(read_seal, lines_of(other, {}))))
        for where, folders, names in os.walk(path):
            folders.sort()
            yield from (os.path.join(where, name) for name in sorted(names)
                        if ".jsonl" in name and name[0] != "." and ".torn-" not in name)


def lines_of(path, trouble):
    """Yield whole lines; a last one that is not whole was never a record."""
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line
                elif read_seal(line) or is_json(line):
                    yield line + b"\n"
    except (OSError, EOFError) as error:
        trouble[path] = str(error)


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def group(paths, trouble):
    """Sort files into logs: of one chain or one name; in the order of their first seals."""
    logs = []
    for path in paths:
        seal = next(filter(None, map(read_seal, lines_of(path, {}))), None)
        stem = path[: path.find(".jsonl") + 6] if ".jsonl" in path else path
        names, heads = {stem} | ({seal["chain"]} if seal else set()), [(path, seal)]
        for log in [log for log in logs if log[0] & names]:
            logs.remove(log)
            names, heads = names | log[0], log[1] + heads
        logs.append((names, heads))
    for _, heads in logs:
        sealed = [head for head in heads if head[1]]
        begins = {}
        for _, seal in sealed:
            begins[seal["chain"]] = min(begins.get(seal["chain"], "~"), seal["time"])
        sealed.sort(key=lambda head: (begins[head[1]["chain"]], head[1]["chain"], head[1]["epoch"]))
        kept, copies = {}, []
        for path, seal in sealed:  # of copies the longest counts
            other = kept.setdefault(json.dumps(seal), path)
            if other != path:
                size, known = (sum(map(len, lines_of(each, trouble))) for each in (path, other))
                kept[json.dumps(seal)] = path if size > known else other
                copies.append(other if size > known else path)
        yield [head[0] for head in heads if not head[1]] + list(kept.values()), copies


# -- the verdict ------------------------------------------------------------------------------


def verify(paths, keys, expected, is_part, trouble):
    """Walk over the lines of a log; return its first and last seal, and what was found."""
    found, first, last, last_line, seen = [], None, None, b"", {}
    removed, forged, unproved = 0, [], []
    pending, count, size, tail, place = blake2b(), 0, 0, [], ""

    def say(kind, verdict, text):
        found.append((kind, verdict, text))

    def compare(seal, span):
        covers, reason = seal["covers"], seal["reason"]
        if count == covers["lines"] and pending.hexdigest() == seal["hash"]:
            return
        extra = covers.get("apart") or seal is first or "missing" in covers
        if extra and count > covers["lines"]:
            if blake2b(b"".join(tail[count - covers["lines"]:])).hexdigest() == seal["hash"]:
                if seal is not first:
                    say("never-sealed", UNKNOWN, f"{count - covers['lines']} lines were never sealed")
                return
        elif reason == "emptied" and count < covers["lines"]:
            say("emptied", UNKNOWN, f"another program emptied the file (copytruncate?):"
                f" {covers['lines'] - count} lines are lost")
            return
        kind = ("edited" if count == covers["lines"] else
                "deleted" if count < covers["lines"] else "inserted")
        say(kind, ALTERED, f"lines were {kind} {span}, {place}: sealed were {covers['lines']} lines"
            f" of {covers['bytes']} bytes, there are {count} of {size}")

    for path in paths:
        for number, line in enumerate(lines_of(path, trouble), 1):
            seal = read_seal(line)
            if seal is None:
                pending.update(line)
                tail.append(line)
                count, size, last_line, place = count + 1, size + len(line), line, f"{path}:{number}"
                continue
            place, epoch, chain = f"{path}:{number}", seal["epoch"], seal["chain"]
            key = next((key for key in keys if key.chain == chain), None)
            proof = key.check(seal) if key else None
            if proof is not True:
                (unproved if proof is None else forged).append(seal)
            if first is None:
                first = seal
                if count > seal["covers"]["lines"]:
                    say("unsealed-before", WHOLE, "lines at the beginning were never sealed")
                if count >= seal["covers"]["lines"] or not epoch:
                    compare(seal, f"before epoch {epoch}")
            elif chain != last[0]["chain"]:
                if last[0].get("next_chain") == chain and not epoch:
                    say("key-changed", WHOLE, f"chain {chain} follows, as the seal before says")
                    compare(seal, "before epoch 0")
                else:
                    say("other-chain", ALTERED, f"{place}: chain {chain} of host {seal['host']}"
                        f" follows chain {last[0]['chain']} of host {last[0]['host']} unannounced")
            elif epoch <= last[0]["epoch"]:
                say("twice", ALTERED, f"{place}: epoch {epoch} again: replayed, or two histories")
                pending, count, size, tail = blake2b(), 0, 0, []
                continue
            elif epoch > last[0]["epoch"] + 1:
                span = {"first": last[0]["epoch"] + 1, "last": epoch - 1}
                if seal["covers"].get("missing") == span:
                    say("cut", UNKNOWN, f"{place}: epochs {span} were made and are gone: cut off, an"
                        " older log put back, or a power cut")
                    compare(seal, f"before epoch {epoch}")
                else:
                    say("missing", ALTERED, f"{place}: epochs {span} are missing: file or lines removed")
                    if count > seal["covers"]["lines"]:
                        say("unsealed", ALTERED, "lines stand where seals were removed")
            else:
                if seal["previous_hash"] != blake2b(last[1]).hexdigest():
                    say("seal-altered", ALTERED, f"the line of seal {epoch - 1} was altered")
                compare(seal, f"between the seals of epoch {epoch - 1} and {epoch}")
            seen[chain, epoch] = seal.get("mac") or seal.get("signature")
            removed = max(removed, (seal.get("removed") or {}).get("before", 0))
            last, pending, count, size, tail = (seal, line), blake2b(), 0, 0, []
    if first is None:
        return None, None, [("not-sealed", UNKNOWN, "the log is not sealed")]
    if first["epoch"] < removed:
        say("kept-longer", WHOLE, "files that retention removed are still here")
    elif first["epoch"] == removed and removed:
        say("retention", WHOLE, f"epochs before {removed} were removed by retention")
    elif first["epoch"] > removed:
        say(*(("part", WHOLE, f"a part of the log, from epoch {first['epoch']}") if is_part else
              ("beginning", ALTERED, f"epochs {removed} to {first['epoch'] - 1} are missing at the"
               " beginning, and retention did not remove them")))
    if forged:
        say("forged", ALTERED, f"{len(forged)} seals, from epoch {forged[0]['epoch']} on, were not"
            " made with the keys of this chain")
    if unproved:
        known = all(any(key.chain == seal["chain"] for key in keys) for seal in unproved)
        say("no-certificate" if known else "no-key", UNKNOWN, f"{len(unproved)} seals, from epoch"
            f" {unproved[0]['epoch']} on, cannot be proved")
    if count:
        begin, end = last[0]["time"], (TIME.match(last_line) or [b"", b""])[1].decode()
        try:
            late = datetime.fromisoformat(end[:26] + "Z") - datetime.fromisoformat(begin[:26] + "Z")
            is_late = late.total_seconds() > LATE_S
        except ValueError:
            is_late = False
        say("unsealed-end", UNKNOWN if is_late else WHOLE, f"{count} lines at the end are not sealed")
    elif last[0]["reason"] not in ("stop", "rotate"):
        say("open-end", WHOLE, "whether more was sealed, only a seal known elsewhere can tell")
    for epoch, proof in expected:
        mine = seen.get((last[0]["chain"], epoch))
        if mine is None and epoch >= removed:
            say("expected", ALTERED, f"epoch {epoch} is expected and not there")
        elif mine is not None and not mine.startswith(proof):
            say("conflict", ALTERED, f"epoch {epoch} is another seal than expected")
    return first, last[0], found


def stop(text):
    print(text, file=sys.stderr)
    sys.exit(UNKNOWN)


ORDER = (ALTERED, UNKNOWN, WHOLE)


def judge(paths, keys, expected):
    """Return (files, first seal, last seal, findings) of each log, and the verdict over all."""
    trouble, results = {}, []
    logs = list(group(list(dict.fromkeys(find(paths))), trouble))
    is_part = all(os.path.isfile(path) and not path.endswith(".jsonl") for path in paths)
    for files, copies in logs:
        first, last, found = verify(files, keys, expected, is_part, trouble)
        if len(logs) == 1 and keys and last and all(key.chain != last["chain"] for key in keys):
            found.append(("wrong-chain", ALTERED, "the log is not of the chain of the key given"))
        found += [("copy", WHOLE, f"{path} is left out as a copy") for path in copies]
        found += [("unreadable", UNKNOWN, f"{path}: {why}") for path, why in trouble.items()]
        results.append((files, first, last, found))
    every = [each[1] for *_, found in results for each in found]
    return results, min(every, key=ORDER.index, default=WHOLE)


def main(arguments):
    keys, expected, paths = [], [], []
    rest = iter(arguments)
    for word in rest:
        if word == "--key":
            text = next(rest)
            keys.append(Key(text if ":" in text else open(text).read()))
        elif word == "--expect":
            epoch, _, proof = next(rest).partition(":")
            expected.append((int(epoch), proof))
        elif word.startswith("-"):
            stop(__doc__)
        else:
            paths.append(word)
    if not paths:
        stop(__doc__)
    results, verdict = judge(paths, keys, expected)
    for files, first, last, found in results:
        own = min((each[1] for each in found), key=ORDER.index, default=WHOLE)
        span = f", sealed from {first['time'][:19]} to {last['time'][:19]} UTC" if first else ""
        print(f"{files[-1]}: {WORDS[own]}{span}")
        for _, each, text in sorted(found, key=lambda each: ORDER.index(each[1])):
            print(f"  {WORDS[each]}: {text}" if each else f"  {text}")
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
