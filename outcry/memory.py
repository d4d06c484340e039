"""When the garbage collector runs."""

import gc

_YOUNG_OBJECTS = 10_000


def settle_memory() -> None:
    """Leave what the start has made out of every later garbage collection, and collect seldom.

    Libraries and market lists stay for good; walking through them takes a tenth of a second, in
    which no order could leave. Ten orders make some thousand objects: by its default of 700 the
    collector would run several times while they are on their way out, and take a tenth of a
    backtest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
