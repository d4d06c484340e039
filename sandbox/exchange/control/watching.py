"""What somebody who rehearses an outage should watch for in chat, one line each."""

from __future__ import annotations

from collections.abc import Mapping

WATCH: Mapping[str, str] = {
    "unreachable": "The venue is told as down within seconds; no entries until it is back, then "
    "orders and fills are compared.",
    "requests_lost": "An order stays in doubt, is looked up, and is proven not placed.",
    "answers_lost": "An order stays in doubt, is found by its id, and is never placed twice.",
    "slow": "/venues shows the latency; orders run into their time-out and are looked up.",
    "flaky": "Little or nothing: what is lost is asked for again, fills are booked once.",
    "rate_limited": "/venues shows the budget; requests wait, exits and cancels come first.",
    "server_errors": "Orders in doubt are looked up; no duplicate, no lost fill.",
    "timeouts": "The exchange doesn't know either: each order is looked up until it is proven.",
    "stream_frozen": "The silence is noticed, streams open anew, bars are filled in by REST.",
    "stream_cut": "Streams open anew again and again; no bar is missing, no fill comes twice.",
    "fills_unheard": "Fills arrive late, by asking, and are booked once.",
    "maintenance": "Everything is refused: entries wait, and it heals by itself.",
    "halted": "Orders are refused with the reason; cancels work, positions are kept.",
    "stale_book": "Bars go on; orders fill at prices that the book doesn't show.",
    "wrong_clock": "/venues shows the skew; requests are stamped with the exchange's time.",
    "key_refused": "A message says that the key is refused, and what was not done.",
}
