#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Verify a log that execaudit sealed, with nothing but Python 3.11: no package, no library.

usage: execaudit-verify.py [--key KEY]... [--expect EPOCH[:SEAL]]... FILE...

Give all files of one log, compressed with gzip or not, in any order, by any names. KEY is the
verifying key, or a file with it. Exit status: 0 whole, 1 altered, 2 cannot tell (docs/evidence.md).
"""

import collections, functools, gzip, hashlib, json, os, re, sys, zlib
from datetime import datetime

WHOLE, ALTERED, UNKNOWN = 0, 1, 2
ORDER, WORDS = (ALTERED, UNKNOWN, WHOLE), ("whole", "ALTERED", "cannot tell")
PROOFS = ("mac", "signature", "endorsement")
SEAL = re.compile(
    rb'\{"(?:time":"[^"]*","type":"|@timestamp":"[^"]*","event":\{"dataset":"execaudit\.'
    rb'|metadata":\{"original_time":"[^"]*","event_code":")seal"')
TIME = re.compile(rb'[^"]*"(?:time|@timestamp|metadata":\{"original_time)":"([^"]*)"')
LATE_S, MOST_STEPS, STRIDE, NEXT, TROUBLE = 120, 100_000_000, 1 << 16, b"execaudit seal next", {}
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)

def blake2b(data=b"", key=b"", size=32):
    return hashlib.blake2b(data, key=key, digest_size=size)
def moment(time):
    try:
        return datetime.fromisoformat(time[:26].rstrip("Z") + "Z").timestamp()
    except MALFORMED:
        return 0
def show(text):  # a log and its names are made by others: no control characters, no second line
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
def stop(text):
    sys.exit(print(text, file=sys.stderr) or UNKNOWN)
def proof_of(seal):
    return str(seal.get("mac") or seal.get("signature"))

def read_seal(line):
    """The record of a seal in our own format, ECS or OCSF; None for any other or malformed line."""
    if not SEAL.match(line):
        return None
    try:
        doc = json.loads(line)
        if "@timestamp" in doc:
            doc = {**doc["execaudit"], "time": doc["@timestamp"], "type": "seal",
                   "boot": doc["host"]["boot"]["id"].replace("-", ""), "host": doc["host"]["name"],
                   "reason": doc["event"]["reason"]}
        elif "metadata" in doc:
            doc = {**doc["unmapped"], "time": doc["metadata"]["original_time"], "type": "seal",
                   "boot": doc["device"]["boot_uid"], "host": doc["device"]["hostname"],
                   "reason": doc["status_code"]}
        counts = doc["epoch"], doc["covers"]["lines"], (doc.get("removed") or {}).get("before", 0)
        texts = [doc[name] for name in ("chain", "host", "reason", "hash")]
        is_sound = (all(type(each) is int and each >= 0 for each in counts) and moment(doc["time"])
                    and all(isinstance(each, str) for each in texts))
        return doc if is_sound else None
    except MALFORMED:
        return None
live = functools.cache(lambda path: os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
def lines_of(path):
    """Whole lines, and a last one that lacks only its newline; half a line is left out."""
    try:  # all is read twice, and the log itself may be rotated in between
        source = os.dup(live(path)) if path.endswith(".jsonl") else path
        with (gzip.open if path.endswith(".gz") else open)(source, "rb") as file:
            file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    json.loads(line)
                yield line.rstrip(b"\n") + b"\n"
    except (OSError, EOFError, zlib.error, *MALFORMED) as error:
        if not (isinstance(error, MALFORMED) and path.endswith(".jsonl")):  # being written
            TROUBLE[path] = str(error)
def in_order(paths):
    """Files in the order of their first seals; rotated ones without stand first, the log last."""
    heads = {path: next(filter(None, map(read_seal, lines_of(path))), None) for path in paths}
    begins = {}
    for seal in filter(None, heads.values()):
        begins[seal["chain"]] = min(begins.get(seal["chain"], "~"), seal["time"])
    return sorted(heads, key=lambda path: (begins[seal["chain"]], seal["chain"], seal["epoch"])
                  if (seal := heads[path]) else ("~" * path.endswith(".jsonl"), "", 0))

class Key:  # a verifying key, and how far it was followed
    def __init__(self, text):
        found = re.match(r"(secret|public):([0-9a-f]{64})$", re.sub(r"[\s-]", "", text).lower())
        if not found:
            stop(f"not a verifying key: {text!r}")
        self.is_secret, self.first = found[1] == "secret", bytes.fromhex(found[2])
        self.chain = blake2b(b"execaudit seal chain", self.first, 8).hexdigest()
        self.epoch, self.key = (0, self.first) if self.is_secret else (-1, b"")
        self.marks = {0: (0, self.first)}  # each 65,536th: forged epochs cost all steps only once

    def check(self, seal):
        """True: genuine. False: not made with the keys of this chain. None: cannot tell."""
        # MAC and signatures are of all other members: as JSON, sorted, without blanks.
        content = {name: value for name, value in seal.items() if name not in PROOFS}
        try:
            text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
            return (self.check_mac if self.is_secret else self.check_signature)(seal, text)
        except MALFORMED:
            return False
    def check_mac(self, seal, text):
        """The key of an epoch follows from the one before, and never the other way round."""
        epoch = min(seal["epoch"], MOST_STEPS)
        mark = self.marks[min(epoch // STRIDE, len(self.marks) - 1)]
        if not mark[0] <= self.epoch <= epoch:
            self.epoch, self.key = mark
        while self.epoch < epoch:
            self.epoch, self.key = self.epoch + 1, blake2b(NEXT, self.key).digest()
            self.marks.setdefault(self.epoch // STRIDE, (self.epoch, self.key))
        return blake2b(b"execaudit seal mac\n" + text, self.key).hexdigest() == seal["mac"]
    def check_signature(self, seal, text):
        """The key of an epoch is named by the seal before, or certified for an hour."""
        message, public = b"execaudit seal signature\n" + text, self.key
        if seal["epoch"] != self.epoch:
            if "certificate" not in seal:
                return None
            certificate = seal["certificate"]
            hour, period = bytes.fromhex(certificate["key"]), certificate["period"]
            certified = b"execaudit seal period\n%d\n" % period + hour
            if not (ed25519(self.first, certificate["signature"], certified)
                    and ed25519(hour, seal["endorsement"], message)):
                return False
            if period != int(moment(seal["time"])) // 3600:
                return None
            public = bytes.fromhex(certificate["seal_key"])
        if not ed25519(public, seal["signature"], message):
            return False
        self.epoch, self.key = seal["epoch"] + 1, bytes.fromhex(seal["next_key"])
        return True

# Ed25519, RFC 8032 section 5.1.7, in extended coordinates
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, BASE_Y = -121665 * pow(121666, -1, P) % P, 4 * pow(5, -1, P) % P
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
    x = x * pow(2, (P - 1) // 4, P) % P if (x * x - square) % P else x
    if y >= P or (x * x - square) % P or (sign and not x):
        raise ValueError
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
def ed25519(public, signature, message):
    raw = bytes.fromhex(signature)
    response = int.from_bytes(raw[32:], "little")
    if len(raw) != 64 or len(public) != 32 or response >= L:
        return False
    digest = hashlib.sha512(raw[:32] + public + message).digest()
    a = multiply(response, decode(BASE_Y.to_bytes(32, "little")))
    b = add(decode(raw[:32]), multiply(int.from_bytes(digest, "little") % L, decode(public)))
    return not ((a[0] * b[2] - b[0] * a[2]) % P or (a[1] * b[2] - b[1] * a[2]) % P)

class Log:  # judges the seals of a log one after the other; `found` has the findings
    def __init__(self, keys):
        self.keys, self.seen, self.seal_line, self.place = keys, {}, b"", ""
        self.found, self.lines, self.gaps, self.forged, self.unproved = [], [], [], [], []
        self.first, self.last, self.removed = None, None, collections.Counter()
    def say(self, kind, verdict, text):
        self.found.append((kind, verdict, f"{text} ({self.place})" if self.place else text))
    def take(self, line, place):
        if (seal := read_seal(line)) is None:
            return self.lines.append(line)
        self.place = place
        key = next((key for key in self.keys if key.chain == seal["chain"]), None)
        proof = key.check(seal) if key else None
        if proof is not True:
            (self.unproved if proof is None else self.forged).append(seal)
        if self.follow(seal):
            self.seen[seal["chain"], seal["epoch"]] = proof_of(seal)
            gone = {"chain": seal["chain"], "before": 0, **(seal.get("removed") or {})}
            self.removed |= {str(gone["chain"]): gone["before"]}  # the larger one stays
            self.last, self.seal_line = seal, line
        self.lines = []
    def follow(self, seal):
        """Judge a seal by the one before; True if the next one is judged by this one."""
        epoch, chain, last = seal["epoch"], seal["chain"], self.last
        spare = len(self.lines) - seal["covers"]["lines"]
        if last is None:
            self.first = seal
            if spare > 0:
                self.say("unsealed-before", WHOLE, f"{spare} lines at the beginning are not sealed")
            if spare >= 0 or not epoch:  # else they stood in a file that is gone
                self.compare(seal, spare)
        elif chain != last["chain"] and last.get("next_chain") == chain and not epoch:
            self.say("key-changed", WHOLE, f"chain {chain} follows, as the seal before says")
            self.compare(seal, spare)
        elif chain != last["chain"]:
            self.say("other-chain", ALTERED, f"chain {chain}, unannounced, of host {seal['host']}")
        elif epoch <= last["epoch"]:
            self.say("twice", ALTERED, f"epoch {epoch} again: lines replayed, or two histories")
            return False
        elif epoch > last["epoch"] + 1:
            span = {"first": last["epoch"] + 1, "last": epoch - 1}
            if seal["covers"].get("missing") == span:
                self.say("cut", UNKNOWN, f"epochs {span}: cut off, a power cut, or an older log")
                return self.compare(seal, spare) or True
            late_s = moment(seal["time"]) - moment(last["time"])
            if seal["reason"] == "emptied" and late_s <= LATE_S:  # while it was copied
                self.say("emptied", UNKNOWN, f"another program emptied it: epochs {span} lost")
                return True
            self.gaps.append((chain, epoch, f"epochs {span} missing: a file or lines were removed"))
        else:
            if seal.get("previous_hash") != blake2b(self.seal_line).hexdigest():
                self.say("seal-altered", ALTERED, f"the line of seal {epoch - 1} was altered")
            self.compare(seal, spare)
        return True
    def compare(self, seal, spare):
        """Compare the lines before a seal with what it covers; `spare` lines are too many."""
        covers = seal["covers"]
        is_open = covers.get("apart") or seal is self.first or "missing" in covers
        if spare >= 0 and (not spare or is_open):
            if blake2b(b"".join(self.lines[spare:])).hexdigest() == seal["hash"]:
                if spare and seal is not self.first:
                    self.say("never-sealed", UNKNOWN, f"{spare} lines were never sealed")
                return
        elif spare < 0 and seal["reason"] == "emptied":
            self.say("emptied", UNKNOWN, f"another program emptied the file: {-spare} lines lost")
            return
        kind = "inserted" if spare > 0 else "deleted" if spare else "edited"
        self.say(kind, ALTERED, f"lines were {kind} before the seal of epoch {seal['epoch']}")
    def end(self, expected, is_part):
        first, last, removed, self.place = self.first, self.last, self.removed, ""
        if first is None:
            return self.say("not-sealed", UNKNOWN, "the log is not sealed")
        begin, chains = first["epoch"], {key.chain for key in self.keys}
        for _, _, text in (gap for gap in self.gaps if gap[1] > removed[gap[0]]):  # takes time
            self.say("missing", ALTERED, text)
        if begin == removed[first["chain"]] and begin:
            self.say("retention", WHOLE, f"retention removed what was before epoch {begin}")
        elif begin > removed[first["chain"]] and is_part:
            self.say("part", WHOLE, f"a part of the log, from epoch {begin} on")
        elif begin > (before := removed[first["chain"]]):
            self.say("beginning", ALTERED, f"epochs {before} to {begin - 1} removed by hand")
        if self.forged:
            self.say("forged", ALTERED, f"seals from epoch {self.forged[0]['epoch']} on are forged")
        if self.unproved:
            is_known = {seal["chain"] for seal in self.unproved} <= chains
            kind, epoch = "no-certificate" if is_known else "no-key", self.unproved[0]["epoch"]
            self.say(kind, UNKNOWN, f"seals from epoch {epoch} on cannot be proved")
        if chains and last["chain"] not in chains:
            self.say("wrong-chain", ALTERED, "the log is not of the chain of the key given")
        if self.lines:
            time = (TIME.match(self.lines[-1]) or [b"", b""])[1].decode(errors="replace")
            verdict = UNKNOWN if moment(time) - moment(last["time"]) > LATE_S else WHOLE
            self.say("unsealed-end", verdict, f"{len(self.lines)} lines at the end are not sealed")
        for epoch, proof in expected:
            mine = self.seen.get((last["chain"], epoch))
            if mine is None and epoch >= removed[last["chain"]]:
                self.say("expected", ALTERED, f"epoch {epoch} is expected and not there")
            elif mine is not None and not mine.startswith(proof):
                self.say("conflict", ALTERED, f"epoch {epoch} is another seal than expected")
def judge(paths, keys, expected):
    log = Log(keys)
    TROUBLE.clear()
    for path in in_order(paths):
        for number, line in enumerate(lines_of(path), 1):
            log.take(line, f"{path}, line {number}")
    log.end(expected, is_part=all(not path.endswith(".jsonl") for path in paths))
    for path, why in TROUBLE.items():
        log.say("unreadable", UNKNOWN, f"{path}: {why}")
    return log, min((verdict for _, verdict, _ in log.found), key=ORDER.index, default=WHOLE)
def main(words):
    keys, expected, paths, rest = [], [], [], iter(words)
    for word in rest:
        if word == "--key":
            text = next(rest)
            keys.append(Key(text if ":" in text else open(text).readline()))
        elif word == "--expect":
            epoch, _, proof = next(rest).partition(":")
            expected.append((int(epoch), proof))
        elif ".torn-" not in word:  # what a crash left of a line
            paths.append(word)
    if not paths or any(word.startswith("-") or os.path.isdir(word) for word in paths):
        stop(__doc__)
    log, verdict = judge(paths, keys, expected)
    print(f"{WORDS[verdict]} ({len(log.seen)} seals)")
    for _, each, text in sorted(log.found, key=lambda found: ORDER.index(found[1])):
        print(f"  {WORDS[each]}: {show(text)}" if each else f"  {show(text)}")
    if log.last:
        print(show(f"  sealed from {log.first['time']} to {log.last['time']}"))
        print(show(f"  the last seal, for --expect: {log.last['epoch']}:{proof_of(log.last)[:16]}"))
    return verdict

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Exception as error:  # Python's own status would say "altered"
        stop(f"cannot tell: {show(repr(error))}")
