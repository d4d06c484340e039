"""What one ccxt venue is configured with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from engine.domain.ids import AssetId, InstrumentId


class MarketKind(StrEnum):
    """Which of the exchange's markets an account trades: one venue, one kind."""

    SPOT = "spot"
    LINEAR = "linear"  # perpetuals that settle in the quote


class Environment(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"  # the exchange's test network
    DEMO = "demo"  # its demo trading, where the test network is gone (Binance futures)


class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


class KeyPolicy(StrEnum):
    """What an API key must not be able to do."""

    REPORTED = "reported"  # whatever it may, people are told
    NOT_KNOWN_TO_WITHDRAW = "not known to withdraw"
    PROVEN = "proven"  # the exchange says that it may not withdraw


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An API key. Never shown: neither by `repr` nor by any message."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)  # a third part, where the exchange has one
    uid: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How positions are to be held; None: not compared. Read at the start, never switched."""

    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    hedged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CcxtSettings:
    """One venue.

    Attributes:
        name: What people call it; also names its files in the cache.
        exchange: ccxt's id: "binance", "kraken", "bybit" ...
        instruments: What is traded here, in ccxt's unified spelling: "BTC/USDT", "BTC/USDT:USDT".
        rate_assets: Assets that are to be priced besides those of `instruments`: the reporting
            currency, tokens that fees are paid in. Spot markets among all these are kept.
        credentials: None for public data only.
        key_policy: A key that breaks it is refused at the audit.
        urls: Other servers instead of the exchange's own. The key is "rest" or "ws" for all, or a
            path in ccxt's `urls["api"]`, such as "fapiPublic" or "ws.spot", which goes first. The
            value replaces scheme and host; a path in it is put before the exchange's path, and
            "{host}" in that stands for the exchange's host: one server can then tell them apart.
        hostname: For exchanges whose addresses ccxt builds from one (Bybit, OKX).
        timeout: Of one request.
        cache: Folder of the market lists; None keeps none.
        cache_age: A market list older than this is fetched anew at the start.
        validity_ms: Request validity window, where it is to differ from the exchange's quirks.
        options: Further ccxt options, deep-merged last.
    """

    name: str
    exchange: str
    market: MarketKind = MarketKind.SPOT
    instruments: tuple[InstrumentId, ...] = ()
    rate_assets: frozenset[AssetId] = frozenset()
    environment: Environment = Environment.LIVE
    credentials: Credentials | None = None
    terms: Terms = Terms()
    key_policy: KeyPolicy = KeyPolicy.REPORTED
    urls: Mapping[str, str] = field(default_factory=dict)
    hostname: str | None = None
    timeout: timedelta = timedelta(seconds=10)
    cache: Path | None = None
    cache_age: timedelta = timedelta(hours=24)
    validity_ms: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
