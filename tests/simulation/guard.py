"""Trip wires around the real world, for as long as a simulation runs."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from tests.simulation.loop import RealWorldTouched

# What could make two runs of a seed differ. `datetime.now` can't be replaced (a C type): the house
# rule keeps it out of the product, and the comparison of two runs would notice it.
_WIRES = (
    (time, "time"),
    (time, "time_ns"),
    (time, "monotonic"),
    (time, "monotonic_ns"),
    (time, "sleep"),
    (os, "urandom"),
    (threading.Thread, "start"),
    (socket.socket, "connect"),
    (socket.socket, "bind"),
)


@contextmanager
def sealed(touched: list[str]) -> Iterator[None]:
    """Make real time, real randomness, threads and sockets raise `RealWorldTouched`.

    Args:
        touched: Names of what was touched are added here, so that a task which ended by it can't
            hide it.
    """
    kept = [(owner, name, getattr(owner, name)) for owner, name in _WIRES]
    for owner, name, _ in kept:
        setattr(owner, name, _tripped(f"{owner.__name__}.{name}", touched))
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def _tripped(name: str, touched: list[str]) -> Callable[..., NoReturn]:
    def trip(*_args: object, **_named: object) -> NoReturn:
        touched.append(name)
        raise RealWorldTouched(f"{name} was called inside the simulation")

    return trip
