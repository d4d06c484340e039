"""How far a worker is, where its host can read it when the worker can't say it any more."""

import io
import os
import struct
import sys
import tempfile
from typing import NamedTuple

_STATE = struct.Struct("<II")


class State(NamedTuple):
    """Of the evaluation at hand.

    Attributes:
        at_work: The number of the run whose code runs, counted from 1; 0 while none does.
        told: How many replies had been written when its code began.
    """

    at_work: int
    told: int


NOBODY = State(at_work=0, told=0)


class Progress:
    """A file without a name that a worker writes and its host reads.

    It outlives the worker however that ends, and wakes nobody: to write it takes a microsecond,
    where a message costs the host a turn of its loop. A state is seen whole or not at all.
    """

    def __init__(self, descriptor: int) -> None:
        """Use an open file from now on, and close it in the end."""
        self._file = io.FileIO(descriptor, "r+")

    @classmethod
    def create(cls) -> "Progress":
        """Open a new file, in memory where there is such a thing (Linux).

        Raises:
            OSError: There are no descriptors left, or no space.
        """
        if sys.platform != "linux":
            with tempfile.TemporaryFile() as file:
                return cls(os.dup(file.fileno()))
        return cls(os.memfd_create("progress"))

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def write(self, state: State) -> None:
        os.pwrite(self.descriptor, _STATE.pack(*state), 0)

    def read(self) -> State:
        """Return what was written last; nobody at work before that."""
        data = os.pread(self.descriptor, _STATE.size, 0)
        return State(*_STATE.unpack(data)) if len(data) == _STATE.size else NOBODY

    def close(self) -> None:
        self._file.close()
