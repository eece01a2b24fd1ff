"""Two texts as one, word by word: what went, what came, and the words around it."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_MATCHED = 1_000  # words matched at once, for that is quadratic
MAX_SHOWN = 5_000  # words, without what is alike at both ends
MAX_CHARS = 50_000  # of a stretch
CONTEXT = 12  # equal words around a difference; what is further away is left out
ANCHOR = 4  # words
FOLD_CHARS = 1_200  # that are seen before the rest of a long text is opened
WORDS = re.compile(r"\S+\s*|\s+")

Op = tuple[
    str, int, int, int, int
]  # as difflib has them: equal, replace, delete or insert, and the two stretches


@dataclass(frozen=True)
class TextStretch:
    """A stretch of a text: `op` is equal, ins, del or gap."""

    op: str
    text: str


def pieces(old: str, new: str) -> Iterator[TextStretch]:
    """Two texts as one, with what is equal shortened to the words around the differences."""
    for piece in _pieces(old, new):
        is_long = len(piece.text) > MAX_CHARS
        yield TextStretch(piece.op, f"{piece.text[:MAX_CHARS]} …") if is_long else piece


def folded(found: Sequence[TextStretch]) -> tuple[list[TextStretch], list[TextStretch]]:
    """The pieces that are seen at once, and those for whoever wants all: none where that would be little."""
    total = sum(len(piece.text) for piece in found)
    left = FOLD_CHARS if total > 1.5 * FOLD_CHARS else total
    seen: list[TextStretch] = []
    rest: list[TextStretch] = []
    for piece in found:
        cut = len(piece.text)
        if cut > left:
            cut = piece.text.rfind(" ", 0, left) + 1 or left
            rest.append(TextStretch(piece.op, piece.text[cut:]))
        if cut:
            seen.append(TextStretch(piece.op, piece.text[:cut]))
        left = left - cut if not rest else 0
    return seen, rest


def _pieces(old: str, new: str) -> Iterator[TextStretch]:
    before, after = WORDS.findall(old), WORDS.findall(new)
    # What is alike at both ends needs no matching; with one edit in a long text that is nearly all of it. The
    # tail is looked for behind the head, so that no word counts as both.
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    yield from _equal(before[:head], first=True)
    left, right = before[head : len(before) - tail], after[head : len(after) - tail]
    is_cut = max(len(left), len(right)) > MAX_SHOWN
    ops = _opcodes(left[:MAX_SHOWN], right[:MAX_SHOWN])
    if is_cut and len(ops) > 1 and ops[-1][0] != "equal":
        ops.pop()  # it may be there behind the cut
    for op, i, j, k, m in ops:
        if op == "equal":
            yield from _equal(left[i:j])
            continue
        if i < j:
            yield TextStretch("del", "".join(left[i:j]))
        if k < m:
            yield TextStretch("ins", "".join(right[k:m]))
    if is_cut:
        yield TextStretch("gap", "…")
    yield from _equal(before[len(before) - tail :], last=True)


def _opcodes(before: list[str], after: list[str]) -> list[Op]:
    """How one list of words becomes the other."""
    # SequenceMatcher takes quadratic time, so long texts are first parted at anchors,
    # and what lies between two of them is matched by itself. A stretch without
    # anchors that is still too long is told as replaced: coarser, but at once.
    if max(len(before), len(after)) <= MAX_MATCHED:
        return _matched(before, after)
    found: list[Op] = []
    i = k = 0
    # The end of both texts is the last anchor, so that what follows the last real one is matched too.
    for j, m in [*_anchors(before, after), (len(before), len(after))]:
        between = _matched(before[i:j], after[k:m])
        found += [(op, i + a, i + b, k + c, k + d) for op, a, b, c, d in between]
        if j < len(before):
            found.append(("equal", j, j + 1, m, m + 1))
        i, k = j + 1, m + 1
    return _joined(found)


def _matched(before: list[str], after: list[str]) -> list[Op]:
    if max(len(before), len(after)) > MAX_MATCHED:
        return [("replace", 0, len(before), 0, len(after))]
    found = SequenceMatcher(None, before, after).get_opcodes()
    return [(op, i, j, k, m) for op, i, j, k, m in found]


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Places where the same few words begin that each text has but once, as many as are in the same order in both.

    This is Bram Cohen's patience diff, of words: https://bramcohen.livejournal.com/73318.html
    """
    others = _once(after)
    pairs = [(place, others[words]) for words, place in _once(before).items() if words in others]
    ends: list[int] = []  # of the longest rising sequences of each length, the smallest last place
    rows: list[int] = []  # and which pair that is
    previous: list[int | None] = []
    for row, (_, place) in enumerate(pairs):
        # Patience sorting: `ends` is sorted at all times, so the longest sequence that this pair can extend
        # is found by halving, and the whole takes n log n.
        length = bisect_left(ends, place)
        previous.append(rows[length - 1] if length else None)
        ends[length : length + 1] = [place]
        rows[length : length + 1] = [row]
    chain: list[tuple[int, int]] = []
    at = rows[-1] if rows else None
    while at is not None:
        chain.append(pairs[at])
        at = previous[at]
    return chain[::-1]


def _once(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Where each few words begin, in their order, of those that are there once."""
    places: dict[tuple[str, ...], int] = {}
    repeated = set()
    for place in range(len(words) - ANCHOR + 1):
        some = tuple(words[place : place + ANCHOR])
        if places.setdefault(some, place) != place:
            repeated.add(some)
    return {some: place for some, place in places.items() if some not in repeated}


def _joined(ops: list[Op]) -> list[Op]:
    """The same with neighbouring equal stretches as one."""
    found: list[Op] = []
    for op in ops:
        if found and op[0] == found[-1][0] == "equal":
            op = ("equal", found[-1][1], op[2], found.pop()[3], op[4])
        found.append(op)
    return found


def _alike(before: list[str], after: list[str]) -> int:
    """How many words two texts have alike at their start."""
    pairs = zip(before, after, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


def _equal(words: list[str], *, first: bool = False, last: bool = False) -> Iterator[TextStretch]:
    head = [] if first else words[:CONTEXT]
    tail = [] if last else words[-CONTEXT:]
    if len(words) <= len(head) + len(tail):
        if words:
            yield TextStretch("equal", "".join(words))
        return
    if head:
        yield TextStretch("equal", "".join(head))
    yield TextStretch("gap", "…")
    if tail:
        yield TextStretch("equal", "".join(tail))
