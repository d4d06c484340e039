"""How even the machine was while something was measured on it.

Most of a bar close is the service's own code, called once in a while: the processor has to fetch it
anew each time, and how quickly it does so is a matter of who else uses its caches and memory. The
same walk through some megabytes of Python objects, timed by itself, tells how much of a tail is
the machine's.
"""

import time

OBJECTS = 20_000  # a few megabytes, more than a core keeps for itself
_MOMENT = 0.75  # of each second: whole ones and halves are when bars close and services tidy up


def walked(seconds: float) -> list[float]:
    """Return what the walk took, once a second for so long, ms."""
    objects = {number: str(number) for number in range(OBJECTS)}
    end = time.monotonic() + seconds
    took: list[float] = []
    while True:
        pause = (_MOMENT - time.time()) % 1
        if time.monotonic() + pause > end:
            time.sleep(max(0.0, end - time.monotonic()))
            return took
        time.sleep(pause)
        began = time.perf_counter()
        sum(len(text) for text in objects.values())
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.1)  # past that moment
