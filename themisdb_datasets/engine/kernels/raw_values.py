"""Where the raw values that msgspec gives out lie in the bytes they were decoded from, for many values at once.

msgspec tells the place of one value at a time. So CPython's objects are read instead, as arrays of words; which of these
tell the place is found out from objects whose content is known. Where it is not found, each value is asked.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from themisdb_datasets.vectors import Ints

WORD = 8
ABSENT = msgspec.Raw(b"")


class Members(NamedTuple):
    """In which words of a `msgspec.Raw` in memory its address and its length are kept."""

    address: int
    length: int


def places(raws: Sequence[msgspec.Raw], data: bytes) -> tuple[Ints, Ints]:
    """Offset in `data` and length of each of `raws`, all of which were decoded from `data`."""
    if not raws:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    # What is pointed at has to be alive all the while: the callers hold `raws`, and these hold `data`.
    addresses, lengths = _asked(raws) if MEMBERS is None else _read(_pointers(raws), MEMBERS)
    return addresses - pa.py_buffer(data).address, lengths


class Record:
    """Decodes objects that have no other names than these, which is quicker than into dictionaries.

    ValueError: this does not go with these names, or with this build of msgspec.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if not names or MEMBERS is None:
            raise ValueError("there is nothing to read, or no way to read it")
        self.names = tuple(names)
        self._members = MEMBERS
        # Three digits, so that their order as texts is that of the numbers: a table has 256 names at most.
        fields = [f"f{number:03}" for number in range(len(names))]  # CPython keeps them sorted
        self._decode = msgspec.json.Decoder(
            msgspec.defstruct(
                "Line",
                [(field, msgspec.Raw, ABSENT) for field in fields],
                rename=dict(zip(fields, names, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
        ).decode_lines
        self._first = self._found()

    def places(self, lines: bytes | memoryview, data: bytes) -> tuple[Ints, Ints]:
        """Offset in `data` and length [objects, names] of the values in `lines`, a part of it; length 0: it is absent.

        msgspec.DecodeError, RecursionError: some line is no object, or has a name that is not among these.
        """
        objects = self._decode(lines)
        values = _words(_pointers(objects), self._first, len(self.names))
        addresses, lengths = _read(values, self._members)
        return addresses - pa.py_buffer(data).address, lengths

    def _found(self) -> int:
        """The word of an object that points to the value of the first name; those of the others follow it."""
        objects = self._decode(b"{}\n" + msgspec.json.encode(dict.fromkeys(self.names, 1)))
        pointers, size = _pointers(objects), type(objects[0]).__basicsize__ // WORD
        # CPython's id() is the address; an empty object and a full one, so that no word fits by chance.
        known = [list(map(id, msgspec.structs.astuple(each))) for each in objects]
        for first in range(size - len(self.names) + 1):
            if np.array_equal(_words(pointers, first, len(self.names)), known):
                return first
        raise ValueError("the objects of this msgspec are not as expected")


def _asked(raws: Sequence[msgspec.Raw]) -> tuple[Ints, Ints]:
    """Address and length, by asking each value for its buffer: a third of a microsecond each."""
    num, address = len(raws), pa.py_buffer
    return (
        np.fromiter([address(raw).address for raw in raws], np.int64, num),
        np.fromiter(map(len, raws), np.int64, num),
    )


def _read(pointers: Ints, members: Members) -> tuple[Ints, Ints]:
    """The same, in the shape of `pointers`, out of the memory of the values, which takes a twentieth of the time."""
    # One window from the lowest to the highest object. Only the words of the objects themselves are touched:
    # what lies between need not even be mapped.
    begin = int(pointers.min())
    memory = _memory(begin, int(pointers.max()) - begin + (max(members) + 1) * WORD)
    at = (pointers - begin) // WORD
    return memory[at + members.address], memory[at + members.length]


def _words(pointers: Ints, first: int, num: int) -> Ints:
    """Words [objects, num] from the first one on of the objects at `pointers`."""
    begin = int(pointers.min())
    memory = _memory(begin, int(pointers.max()) - begin + (first + num) * WORD)
    words: Ints = memory[((pointers - begin) // WORD + first)[:, None] + np.arange(num)]
    return words


def _pointers(objects: Sequence[object]) -> Ints:
    """Where these objects are, as long as they are."""
    held = np.fromiter(objects, object, len(objects))  # an array of pointers, in CPython
    return _memory(held.ctypes.data, held.nbytes).copy()


def _memory(address: int, num_bytes: int) -> Ints:
    return np.frombuffer(pa.foreign_buffer(address, num_bytes), np.int64)


def _probed() -> Members | None:
    """How a `msgspec.Raw` of this build looks in memory, found out by values whose places are known; or None.

    It begins with the head that all objects have; of the words after it, exactly one has to be the address of each of
    these values and exactly one its length.
    """
    # Forty numbers of many lengths, so that neither a count of references nor a pointer can look like all of
    # them.
    words = msgspec.Raw.__basicsize__ // WORD
    raws = msgspec.json.decode(b"[%b]" % b",".join(b"%d" % 7**i for i in range(40)), type=list[msgspec.Raw])
    addresses, lengths = _asked(raws)
    looks = [_read(_pointers(raws), Members(word, word))[0] for word in range(words)]
    address = [word for word, look in enumerate(looks) if np.array_equal(look, addresses)]
    length = [word for word, look in enumerate(looks) if np.array_equal(look, lengths)]
    return Members(address[0], length[0]) if len(address) == len(length) == 1 else None


MEMBERS = _probed()
