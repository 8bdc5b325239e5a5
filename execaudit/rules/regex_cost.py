# SPDX-License-Identifier: Apache-2.0
"""How long a regular expression may take in the worst case, found without running it.

Arguments are chosen by whoever is watched, and Python's `re` tries alternatives one after the
other: an expression that can divide the same text in many ways takes exponential or polynomial
time over text made for that. Owns the estimate, which errs on the side of too long, and the
refusal. What is repeated must be unambiguous, which rules out exponential time. For the rest, two
repetitions *compete* where bytes exist that both, and all that must stand between them, can match:
only then can the border between them wander. The number of loops in the longest chain of competing
ones is the degree of the polynomial (after Weber and Seidl, On the degree of ambiguity of finite
automata, 1991), the search for a place to begin being the first loop.
"""

from dataclasses import dataclass
from itertools import combinations

from execaudit.rules.regex_tree import (
    ANY_BYTE,
    Anchor,
    Assertion,
    Branch,
    Bytes,
    CostlyRegexError,
    Group,
    Node,
    Nodes,
    Repeat,
    sequences_of,
    walk,
)

_LOOP_FROM = 32  # a repetition that may be this much longer counts as unbounded,
_LONG = 256  # and so does one that must be this long
_MAX_WAYS = 4096  # product of the bounded repetitions in one chain
_MAX_SEQUENCES = 256
_MAX_REGEX_BYTES = 2000


@dataclass(frozen=True, slots=True)
class _Item:
    """A step of a sequence.

    Attributes:
        alternatives: for each way through it the sets of bytes that must occur; a way without any
            can be empty.
        ways: how many lengths it can have; 1: one, 0: unbounded.
        own: bytes that a variable step can match.

    """

    alternatives: tuple[tuple[int, ...], ...]
    ways: int = 1
    own: int = 0

    def blocks(self, both: int) -> bool:
        """Return True if no text of these bytes alone passes."""
        return all(any(not codes & both for codes in way) for way in self.alternatives)


_OPTIONAL: tuple[tuple[int, ...], ...] = ((),)
_RESTART = _Item(_OPTIONAL, 0, ANY_BYTE)
# An anchor or an assertion takes no text and stops nothing from passing, but it can fail.
_ANCHOR = _Item(((ANY_BYTE,),))
_Sequence = tuple[_Item, ...]


def worst_degree(nodes: Nodes, regex: bytes) -> int:
    """Return the degree of the polynomial by which time grows with text: 0, 1 or 2.

    Raises CostlyRegexError for more.
    """
    if len(regex) > _MAX_REGEX_BYTES:
        raise CostlyRegexError(f"is longer than {_MAX_REGEX_BYTES} bytes")
    for node in walk(nodes):
        if isinstance(node, Assertion) and any(map(_is_variable, walk(node.body))):
            raise CostlyRegexError("repeats something inside a look-ahead or look-behind")
    is_anchored = bool(nodes) and isinstance(nodes[0], Anchor) and nodes[0].is_start
    start = () if is_anchored else (_RESTART,)
    degree = 0
    for sequence in _sequences(nodes):
        degree = max(degree, _degree((*start, *_without_tail(sequence))))
    if degree > 2:
        raise CostlyRegexError(
            "has several repetitions that can match the same text, so that time grows with the "
            f"{'cube' if degree == 3 else f'{degree}th power'} of its length"
        )
    return degree


def _is_variable(node: Node) -> bool:
    return isinstance(node, Repeat) and node.least != node.most


def _without_tail(sequence: _Sequence) -> _Sequence:
    """Leave out repetitions after which nothing can fail: they end with the first success."""
    end = len(sequence)
    while end and () in sequence[end - 1].alternatives:
        end -= 1
    return sequence[:end]


def _sequences(nodes: Nodes) -> list[_Sequence]:
    """Unfold alternatives that repeat something; what repeats nothing stays one step."""
    found: list[_Sequence] = [()]
    for node in nodes:
        steps = _steps(node)
        found = [(*before, *step) for before in found for step in steps]
        if len(found) > _MAX_SEQUENCES:
            raise CostlyRegexError("has too many alternatives that repeat something")
    return found


def _steps(node: Node) -> list[_Sequence]:
    if isinstance(node, Bytes):
        return [(_Item(((node.codes,),)),)]
    if isinstance(node, Group):
        return _sequences(node.body)
    if isinstance(node, Branch):
        return _branch_steps(node.branches)
    if isinstance(node, Repeat):
        return _repeat_steps(node.least, node.most, node.body)
    return [(_ANCHOR,)]


def _branch_steps(branches: tuple[Nodes, ...]) -> list[_Sequence]:
    unfolded = [_sequences(branch) for branch in branches]
    flat = [sequence for sequences in unfolded for sequence in sequences]
    if any(item.ways != 1 for sequence in flat for item in sequence):
        return flat
    ways: list[tuple[int, ...]] = []
    for sequence in flat:
        needs: list[tuple[int, ...]] = [()]
        for item in sequence:
            needs = [(*before, *way) for before in needs for way in item.alternatives]
            if len(needs) + len(ways) > _MAX_SEQUENCES:
                raise CostlyRegexError("has too many alternatives within alternatives")
        ways += needs
    firsts = [_first_bytes(branch, 0) for branch in branches]
    if any(one & other for one, other in combinations(firsts, 2)):
        # Several may fit, and each is tried.
        every = 0
        for branch in branches:
            every |= _all_bytes(branch)
        return [(_Item(tuple(ways), len(branches), every),)]
    return [(_Item(tuple(ways)),)]


def _repeat_steps(least: int, most: int, body: Nodes) -> list[_Sequence]:
    bodies = _sequences(body)
    own = _all_bytes(body)
    if most > 1:
        if _can_be_empty(body):
            raise CostlyRegexError("repeats something that can be empty")
        _refuse_ambiguous(body, _first_bytes(body, 0))
    ways = most - least + 1
    if least > _LONG:
        return [(_Item(_OPTIONAL, 0, own), *sequence) for sequence in bodies]
    if ways == 1:
        # Nothing competes within: a single copy stands for all. None at all for {0}.
        return bodies if most else [()]
    ways = 0 if ways > _LOOP_FROM else ways
    if all(item.ways == 1 for sequence in bodies for item in sequence):
        loop = _Item(_OPTIONAL, ways, own)
        return [(*sequence, loop) for sequence in bodies] if least else [(loop,)]
    # Seen from outside it is a loop over all its bytes; or one copy with the loops in it.
    seen_whole: list[_Sequence] = [(_Item(_OPTIONAL, ways, own),)] if most > 1 else []
    return seen_whole + bodies + ([] if least or seen_whole else [()])


def _refuse_ambiguous(nodes: Nodes, follow: int) -> None:
    """Refuse, of what is repeated, all where the next byte leaves open which way to go.

    Where it always does (one-unambiguous expressions, after Brueggemann-Klein and Wood, 1998) each
    text is divided in one way only. `follow` are the bytes that may come next.
    """
    for node in reversed(nodes):
        if isinstance(node, Branch):
            firsts = [_first_bytes(sequence, follow) for sequence in node.branches]
            if any(one & other for one, other in combinations(firsts, 2)):
                raise CostlyRegexError("repeats alternatives that begin alike")
            for sequence in node.branches:
                _refuse_ambiguous(sequence, follow)
        elif isinstance(node, Repeat):
            if _is_variable(node) and _first_bytes(node.body, 0) & follow:
                raise CostlyRegexError("repeats a repetition of the same text")
            _refuse_ambiguous_loop(node, follow)
        elif isinstance(node, Group):
            _refuse_ambiguous(node.body, follow)
        follow = _first_bytes((node,), follow)


def _refuse_ambiguous_loop(node: Repeat, follow: int) -> None:
    if node.most > 1:
        if _can_be_empty(node.body):
            raise CostlyRegexError("repeats something that can be empty")
        follow |= _first_bytes(node.body, 0)
    _refuse_ambiguous(node.body, follow)


def _can_be_empty(nodes: Nodes) -> bool:
    return not any(map(_takes_text, nodes))


def _takes_text(node: Node) -> bool:
    """Return True if a node always takes a byte or more."""
    if isinstance(node, Bytes):
        return True
    if isinstance(node, Anchor | Assertion) or (isinstance(node, Repeat) and not node.least):
        return False
    return not any(map(_can_be_empty, sequences_of(node)))


def _first_bytes(nodes: Nodes, follow: int) -> int:
    """Return the bytes that a sequence can begin with, those that follow if it can be empty."""
    found = 0
    for node in nodes:
        if isinstance(node, Bytes):
            return found | node.codes
        if isinstance(node, Anchor | Assertion):
            continue
        for sequence in sequences_of(node):
            found |= _first_bytes(sequence, 0)
        if _takes_text(node):
            return found
    return found | follow


def _all_bytes(nodes: Nodes) -> int:
    found = 0
    for node in walk(nodes):
        found |= node.codes if isinstance(node, Bytes) else 0
    return found


def _competes(sequence: _Sequence, one: int, other: int) -> bool:
    both = sequence[one].own & sequence[other].own
    return bool(both) and not any(item.blocks(both) for item in sequence[one + 1 : other])


def _degree(sequence: _Sequence) -> int:
    """Loops in the longest chain of competing ones."""
    variable = [index for index, item in enumerate(sequence) if item.ways != 1]
    best: dict[int, tuple[int, int]] = {}
    for at, index in enumerate(variable):
        degree, ways = 0, 1
        for before in variable[:at]:
            if _competes(sequence, before, index):
                degree, ways = max((degree, ways), best[before])
        own = sequence[index].ways
        best[index] = (degree + 1, ways) if own == 0 else (degree, ways * own)
        if best[index][1] > _MAX_WAYS:
            raise CostlyRegexError("has too many optional parts that can match the same text")
    return max((degree for degree, _ in best.values()), default=0)
