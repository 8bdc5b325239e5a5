# SPDX-License-Identifier: Apache-2.0
r"""Lines of execs that differ only in members that no report counts.

Owns which these are: boot, processor, sequence number, identity, process number, arguments, start,
the parent's identity and command, and the ancestors, in the order of our encoder. All other bytes
of a line are its key: to a report, lines of one key say the same. Other lines have no key.

The end of a value is certain: in a text, quotes are escaped.
"""

import re

from execaudit.query.event_lines import TIME_END

_HEAD_AT = TIME_END + len(b'","type":"exec",')
_match_head = re.compile(
    rb'"host":"([^"\\]*)","boot":"[0-9a-f]*",(?:"hook":"[a-z_]*",)?"cpu":[0-9]+,"seq":[0-9]+,'
    rb'"id":"[0-9a-f-]*","pid":[0-9]+,"argv":\['
).match
_match_result = re.compile(
    rb'\],"argc":[0-9]+,(?:"argv_b64":\{[^}]*\},)?"result":"([a-z]*)","start":"[0-9TZ:.-]*"'
).match
_match_parent = re.compile(
    rb'"parent_id":"[0-9a-f-]*","ppid":[0-9]+,"pcomm":"([^"\\]*)","ancestors":\[\{'
).match
_match_command = re.compile(
    rb'\](?:,"truncated":\{"ancestors":true\})?(?:,"pexe":"[^"\\]*")?'
    rb'(?:,"pcmdline":"[^"\\]*(?:\\.[^"\\]*)*")?\}$'
).match
_ARGC, _UID, _PARENT_ID = b'],"argc":', b'"uid":', b'"parent_id":"'

Key = tuple[bytes, bytes, bytes, bytes, bytes]


def usual_key(data: bytes, begin: int, end: int) -> Key | None:
    """Return the key of the exec in the line data[begin:end], by our encoder; None without one."""
    find = data.find
    head = _match_head(data, begin + _HEAD_AT, end)
    if head is None:
        return None
    # What is not found is at -1, where nothing matches.
    result = _match_result(data, find(_ARGC, head.end(), end), end)
    if result is None:
        return None
    rest_at = result.end()
    uid_at = find(_UID, rest_at, end)
    parent_at = find(_PARENT_ID, uid_at, end)
    parent = _match_parent(data, parent_at, end)
    if parent is None:
        return None
    after_at = find(b'],"', parent.end(), end)
    if after_at >= 0 and _match_command(data, after_at, end) is None:
        return None  # another member follows the ancestors
    return head[1], result[1], data[rest_at:uid_at], data[uid_at:parent_at], parent[1]
