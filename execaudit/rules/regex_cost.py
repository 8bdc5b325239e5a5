# SPDX-License-Identifier: Apache-2.0
"""How long a regular expression may take in the worst case, found without running it.

Whoever is watched chooses the arguments, and Python's `re` tries alternatives one after the other:
an expression that can divide a text in many ways takes exponential or polynomial time over text
made for that. Owns the estimate, which errs on the side of too long, and the refusal. A repeated
part must be unambiguous: that rules out exponential time. For the rest, two repetitions *compete*
where bytes exist that both, and all that must stand between them, can match: only then can the
border between them move. The number of loops in the longest chain of competing ones is the degree
of the polynomial (after Weber and Seidl, On the degree of ambiguity of finite automata, 1991). The
search for a place to begin is the first loop.
"""

from itertools import combinations

from execaudit.rules.regex_tree import (
    ANY_BYTE,
    ONE_BYTE,
    UNBOUNDED,
    Anchor,
    Branch,
    Bytes,
    CostlyRegexError,
    Node,
    Nodes,
    Repeat,
    sequences_of,
    walk,
    width,
)

_LOOP_FROM = 32  # a repetition that can have more lengths than this counts as unbounded,
_LONG = 256  # and so does one that must be this long
_MAX_WAYS = 4096  # product of the bounded repetitions in one chain
_MAX_SEQUENCES = 256
_MAX_REGEX_BYTES = 2000
_RESTART = Repeat(0, UNBOUNDED, (ONE_BYTE,))

Weight = tuple[int, int]
"""Number of loops, and the number of ways in which bounded repetitions divide a text."""


def worst_degree(nodes: Nodes, regex: bytes) -> int:
    """Return the degree of the polynomial by which time grows with text: 0, 1 or 2.

    Raises CostlyRegexError for more.
    """
    if len(regex) > _MAX_REGEX_BYTES:
        raise CostlyRegexError(f"is longer than {_MAX_REGEX_BYTES} bytes")
    degree = 0
    for sequence in _unfold(nodes):
        first = sequence[0] if sequence else None
        start = () if isinstance(first, Anchor) and first.is_start else (_RESTART,)
        degree = max(degree, _weigh_chains((*start, *_without_tail(sequence)))[0])
    if degree > 2:
        raise CostlyRegexError(
            "has several repetitions that can match the same text, so that time grows with the "
            f"{'cube' if degree == 3 else f'{degree}th power'} of its length"
        )
    return degree


def _unfold(nodes: Nodes) -> list[Nodes]:
    """Return a sequence for each way through alternatives that repeat something."""
    found: list[Nodes] = [()]
    for node in nodes:
        loops, _ = _weigh(node)
        ways: list[Nodes] = [(node,)]
        if loops and (isinstance(node, Branch) or (isinstance(node, Repeat) and node.most == 1)):
            ways = [way for below in sequences_of(node) for way in _unfold(below)]
            if isinstance(node, Repeat) and not node.least:
                ways.append(())
        found = [(*before, *way) for before in found for way in ways]
        if len(found) > _MAX_SEQUENCES:
            raise CostlyRegexError("has too many alternatives that repeat something")
    return found


def _without_tail(nodes: Nodes) -> Nodes:
    """Leave out repetitions after which nothing can fail: they end with the first success."""
    while nodes and isinstance(last := nodes[-1], Repeat):
        nodes = nodes[:-1]
        if last.least > 1:
            return (*nodes, Repeat(last.least, last.least, last.body))
        nodes = (*nodes, *last.body) if last.least else nodes
    return nodes


def _weigh_chains(nodes: Nodes) -> Weight:
    """Return the most loops and ways of any chain of competing nodes."""
    chains: list[tuple[int, int, Weight]] = []
    for index, node in enumerate(nodes):
        loops, ways = _weigh(node)
        if (loops, ways) == (0, 1):
            continue
        own = _all_bytes(node)
        before = [
            weight
            for start, codes, weight in chains
            if codes & own and not any(_blocks(each, codes & own) for each in nodes[start:index])
        ]
        loops += max((each for each, _ in before), default=0)
        ways *= max((each for _, each in before), default=1)
        if ways > _MAX_WAYS:
            raise CostlyRegexError("has too many optional parts that can match the same text")
        chains.append((index + 1, own, (loops, ways)))
    return (
        max((loops for _, _, (loops, _) in chains), default=0),
        max((ways for _, _, (_, ways) in chains), default=1),
    )


def _blocks(node: Node, both: int) -> bool:
    """Return True if no text of these bytes alone passes."""
    if isinstance(node, Bytes):
        return not node.codes & both
    if isinstance(node, Anchor) or (isinstance(node, Repeat) and not node.least):
        return False
    return all(any(_blocks(each, both) for each in below) for below in sequences_of(node))


def _weigh(node: Node) -> Weight:
    if isinstance(node, Bytes):
        return 0, 1
    if isinstance(node, Repeat) and node.most > 1:
        return _weigh_repeat(node)
    below = [_weigh_chains(sequence) for sequence in sequences_of(node)]
    loops, ways = max(loops for loops, _ in below), max(ways for _, ways in below)
    if isinstance(node, Anchor):
        if loops:
            raise CostlyRegexError("repeats something inside a look-ahead or look-behind")
        return 0, 1
    if isinstance(node, Repeat):
        return loops, ways * (node.most - node.least + 1)
    return loops, ways * len(node.branches) if _begin_alike(node, ANY_BYTE) else ways


def _weigh_repeat(node: Repeat) -> Weight:
    """Weigh a repetition by its lengths. Raises CostlyRegexError if it is ambiguous."""
    if _can_be_empty(node.body):
        raise CostlyRegexError("repeats something that can be empty")
    _weigh_chains(node.body)
    _refuse_ambiguous(node.body, _first_bytes(node.body, 0))
    least, most = width((node,))
    is_loop = most - least >= _LOOP_FROM or least > _LONG
    return (1, 1) if is_loop else (0, most - least + 1)


def _refuse_ambiguous(nodes: Nodes, follow: int) -> None:
    """Raise CostlyRegexError where, in a repetition, the next byte does not decide which way to go.

    Where it always does (one-unambiguous expressions, after Brueggemann-Klein and Wood, 1998) each
    text is divided in one way only. `follow` are the bytes that may come next.
    """
    for node in reversed(nodes):
        within = follow
        if isinstance(node, Branch) and _begin_alike(node, follow):
            raise CostlyRegexError("repeats alternatives that begin alike")
        if isinstance(node, Repeat):
            if node.least != node.most and _first_bytes(node.body, 0) & follow:
                raise CostlyRegexError("repeats a repetition of the same text")
            if node.most > 1:
                within |= _first_bytes(node.body, 0)
        if not isinstance(node, Anchor):
            for sequence in sequences_of(node):
                _refuse_ambiguous(sequence, within)
        follow = _first_bytes((node,), follow)


def _begin_alike(node: Branch, follow: int) -> bool:
    firsts = [_first_bytes(branch, follow) for branch in node.branches]
    return any(one & other for one, other in combinations(firsts, 2))


def _can_be_empty(nodes: Nodes) -> bool:
    return not width(nodes)[0]


def _first_bytes(nodes: Nodes, follow: int) -> int:
    """Return the bytes that a sequence can begin with, those that follow if it can be empty."""
    found = 0
    for node in nodes:
        if isinstance(node, Bytes):
            return found | node.codes
        if not isinstance(node, Anchor):
            for sequence in sequences_of(node):
                found |= _first_bytes(sequence, 0)
            if not _can_be_empty((node,)):
                return found
    return found | follow


def _all_bytes(node: Node) -> int:
    found = 0
    for each in walk((node,)):
        found |= each.codes if isinstance(each, Bytes) else 0
    return found
