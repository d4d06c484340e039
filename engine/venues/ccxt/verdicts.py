"""What a failure says of an endpoint or a connection, for breakers and budgets."""

import re
from enum import StrEnum

_LIMITED = re.compile(r"\b(429|418)\b|-1003|-1015|rate limit|too many", re.IGNORECASE)


class Verdict(StrEnum):
    """What an exception of a request says of the endpoint."""

    ANSWERED = "answered"  # the venue read it and said no: the endpoint works
    LIMITED = "limited"  # too many requests (429, 418): all are held back
    CLOCK = "clock"  # our time stamp was off: the clock is measured anew
    FAILED = "failed"  # no usable answer


def judged(exc: Exception) -> Verdict:
    """Judge by the names of ccxt's classes, where one class is not enough by its text.

    DDoSProtection is what ccxt makes of 429 and 418, whose number it then writes, but also of a
    401 after a success.
    """
    names = {cls.__name__ for cls in type(exc).__mro__}
    if "InvalidNonce" in names and "ChecksumError" not in names:
        return Verdict.CLOCK
    if "RateLimitExceeded" in names:
        return Verdict.LIMITED
    if "DDoSProtection" in names:
        return Verdict.LIMITED if _LIMITED.search(str(exc)) else Verdict.ANSWERED
    if names & {"OperationFailed", "OSError", "TimeoutError"}:
        return Verdict.FAILED
    return Verdict.ANSWERED
