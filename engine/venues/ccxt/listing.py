"""The process that fetches a market list: `python -m engine.venues.ccxt.listing`.

Reads `Wanted` as JSON from standard input and writes the file that `markets` describes, whole or
not at all. On failure it prints one line and ends with status 1.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from engine.errors import ConfigError
from engine.venues.ccxt.connecting import Connection, connect
from engine.venues.ccxt.fields import as_text
from engine.venues.ccxt.judging import GARBLED, judge
from engine.venues.ccxt.markets import VERSION, Header, Wanted, is_of_kind
from engine.venues.ccxt.settings import CcxtSettings, Environment, MarketKind
from engine.venues.ccxt.troubles import Operation
from engine.venues.ccxt.wire import WIRE, Wire


async def fetch(wanted: Wanted) -> str:
    """Write the file; returns what went wrong, "" for nothing."""
    try:
        made = await connect(settings_of(wanted))
    except ConfigError as error:
        return str(error)
    wire = Wire()
    WIRE.set(wire)
    try:
        markets = await made.client.fetch_markets(made.quirks.market_params)
    except (made.library_error, *GARBLED) as error:
        trouble, words = judge(error, wire, made.quirks, Operation.QUERY)
        return f"{trouble}: {words}" if words else str(trouble)
    finally:
        await made.client.close()
    rows = _of_kind(made, markets)
    if not rows:
        return f"{wanted.exchange} lists no {wanted.market} markets"
    _write(wanted, rows, tuple(made.quirks.other_names))
    return ""


def settings_of(wanted: Wanted) -> CcxtSettings:
    """Return settings that make the same public client as the asking venue's."""
    return CcxtSettings(
        name=wanted.exchange,
        exchange=wanted.exchange,
        market=MarketKind(wanted.market),
        environment=Environment(wanted.environment),
        urls=wanted.urls,
        hostname=wanted.hostname,
        timeout=timedelta(milliseconds=wanted.timeout_ms),
        options=wanted.options,
    )


def _of_kind(
    made: Connection, markets: Sequence[Mapping[str, object]]
) -> list[Mapping[str, object]]:
    kind = made.settings.market
    return [market for market in markets if is_of_kind(market, kind)]


def _write(
    wanted: Wanted, markets: Sequence[Mapping[str, object]], other_names: Sequence[str]
) -> None:
    """Write one market a line; `other_names` are keys of further names of it."""
    path = Path(wanted.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Header(VERSION, wanted.exchange, wanted.market, wanted.now_ms, len(markets))
    lines = [msgspec.json.encode(header)]
    for market in markets:
        names = [as_text(market.get(key)) for key in ("symbol", "id", "base", "quote", "settle")]
        names[1] = ",".join(as_text(market.get(key)) for key in ("id", *other_names))
        lines.append("\t".join(names).encode() + b"\t" + msgspec.json.encode(market))
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(b"\n".join(lines) + b"\n")
    beside.replace(path)


def main() -> int:
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)
    failed = asyncio.run(fetch(wanted))
    sys.stdout.write(failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
