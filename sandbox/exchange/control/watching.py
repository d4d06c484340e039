"""What somebody who rehearses an outage should watch for in chat, one line each."""

from __future__ import annotations

from collections.abc import Mapping

WATCH: Mapping[str, str] = {
    "unreachable": "/venues says NOT CONNECTED within seconds; chat tells it when it lasts a "
    "minute. Nothing new is entered. Back again, everything is compared.",
    "requests_lost": "“No answer from the venue”, then “the venue has no such order”: proven not "
    "placed, and not sent again.",
    "answers_lost": "“No answer from the venue”, until it is found by its id or its fill. It is "
    "never placed twice, see Log.",
    "slow": "The latency in /venues. Orders without an answer in time are in doubt and looked up.",
    "flaky": "Little or nothing: what is lost is asked for again, and each fill is booked once.",
    "rate_limited": "The budget in /venues is used up: requests wait, exits and cancels go first.",
    "server_errors": "Orders in doubt, looked up at once. None is placed twice, no fill is lost.",
    "timeouts": "The exchange doesn't know either: each order is looked up until it is proven.",
    "stream_frozen": "The last message in /venues grows old. Nothing is decided on missing bars; "
    "streams open anew, and bars are filled in.",
    "stream_cut": "NOT CONNECTED in /venues now and then. Bars and fills that were missed are "
    "fetched, and none comes twice.",
    "fills_unheard": "Fills come late, by asking, and once. Until then a stop may be missing.",
    "maintenance": "NOT CONNECTED in /venues: nothing is sent, and it heals by itself.",
    "halted": "“The market is closed or halted”: exits are tried again, positions are kept.",
    "stale_book": "Nothing: trades and bars go on. Fills are at prices that the book doesn't show.",
    "wrong_clock": "The skew in /venues. Orders go on, stamped with the exchange's time.",
    "key_refused": "“The exchange does not accept the API key”: what was not done, and what to do.",
}
