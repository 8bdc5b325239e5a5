# SPDX-License-Identifier: Apache-2.0
r"""Lines of execs that differ only in what no report counts.

Owns what that is: boot, processor, sequence number, identity, process number, arguments, start, the
parent's identity and the ancestors, where they stand as our encoder puts them. All other bytes of a
line are its key: lines of one key say the same to a report. A line that is otherwise has no key.

Where a value ends is sure: no text holds a quote that is not escaped.
"""

import re

from execaudit.query.event_lines import TIME_END

_HEAD_AT = TIME_END + len(b'","type":"exec",')
_match_head = re.compile(
    rb'"host":"([^"\\]*)","boot":"[0-9a-f]*",(?:"hook":"[a-z_]*",)?"cpu":[0-9]+,"seq":[0-9]+,'
    rb'"id":"[0-9a-f-]*","pid":[0-9]+,"argv":\['
).match
_match_parent = re.compile(
    rb'"parent_id":"[0-9a-f-]*","ppid":[0-9]+,"pcomm":"([^"\\]*)","ancestors":\[\{'
).match
_ARGC = b'],"argc":'
_QUOTE = ord('"')
_UID, _PARENT_ID = b'"uid":', b'"parent_id":"'
_RESULT, _START = b',"result":"', b'"start":"'
_START_AT = len(b',"result":"success","start":"')
_START_END = _START_AT + len("2026-11-23T02:04:06.123456789Z")

Key = tuple[bytes, bytes, bytes, bytes, bytes]


def usual_key(data: bytes, begin: int, end: int) -> Key | None:
    """Return the key of the exec in the line data[begin:end] of our own spelling, if it has one."""
    find = data.find
    head = _match_head(data, begin + _HEAD_AT, end)
    if head is None:
        return None
    argc_at = find(_ARGC, head.end() - 1, end)
    result_at = find(_RESULT, argc_at, end)
    uid_at = find(_UID, result_at, end)
    parent_at = find(_PARENT_ID, uid_at, end)
    parent = _match_parent(data, parent_at, end)
    if argc_at < 0 or result_at < 0 or uid_at < 0 or parent_at < 0 or parent is None:
        return None
    start_at = result_at + _START_AT
    if (
        not data.startswith(_START, start_at - len(_START))
        or data[result_at + _START_END] != _QUOTE
        or not data[argc_at + len(_ARGC) : result_at].isdigit()
        or find(b'],"', parent.end(), end) >= 0
        or not data.endswith(b"}]}", parent.end(), end)
    ):
        return None
    return (
        head[1],
        data[result_at:start_at],
        data[result_at + _START_END : uid_at],
        data[uid_at:parent_at],
        parent[1],
    )
