"""What `outcry demo` is asked to play, and where its state lies. Standard library only."""

import argparse
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

BAD_INPUT = 2
SPOT, LINEAR = "spot", "linear"

_CONFIG = Path(__file__).resolve().parent.parent / "config"
# BTC/USDT, or BTC/USDT:USDT for a perpetual, as ccxt writes them.
_SYMBOL = re.compile(r"([A-Z0-9.]+)/([A-Z0-9.]+)(?::([A-Z0-9.]+))?")
_EXCHANGE = re.compile(r"[a-z0-9]+")


class Refused(Exception):
    """The demo can't start, or go on; one line that says what to do, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class Play(StrEnum):
    """Where prices come from and orders go."""

    REPLAY = "replay"  # recorded prices
    EXCHANGE = "exchange"  # the sandbox's scripted exchange
    PAPER = "paper"  # a real exchange's prices, simulated fills


class Options(argparse.Namespace):
    """What was asked for.

    Attributes:
        sandbox_exchange: "spot" or "linear": trade on the scripted exchange.
        paper: An exchange and symbols: trade its prices on paper.
        market: Spot or linear, of `sandbox_exchange` and `paper`.
        folder: Where this demo's state lies; each kind has its own.
    """

    host: str
    port: int
    speed: str | None
    fresh: bool
    config: Path | None
    sandbox_exchange: str | None
    paper: list[str] | None
    folder: Path

    @property
    def play(self) -> Play:
        if self.sandbox_exchange is not None:
            return Play.EXCHANGE
        return Play.REPLAY if self.paper is None else Play.PAPER

    @property
    def settings(self) -> Path:
        """The settings file to use: the given one, else the demo's own."""
        return self.config or _own_settings(self)

    @property
    def exchange(self) -> str:
        """The ccxt id of the exchange whose prices are traded on paper."""
        return self.paper[0] if self.paper else ""

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded on paper, each once."""
        return tuple(dict.fromkeys(self.paper[1:])) if self.paper else ()

    @property
    def market(self) -> str:
        if self.paper is None:
            return self.sandbox_exchange or SPOT
        return LINEAR if ":" in self.symbols[0] else SPOT


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Read the command line.

    Raises:
        Refused: It makes no sense; one line that says what would.
    """
    options = _parser(environ).parse_args(arguments, namespace=Options())
    options.port = _port(str(options.port))
    if options.paper is not None:
        _check_paper(options.paper)
    _set_speed(options)
    options.folder = Path(environ.get("OUTCRY_DATA_DIR") or "var") / _folder_of(options)
    return options


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outcry demo",
        description="The whole service with a phone page to command it from: on recorded prices, "
        "on a scripted exchange that you can disturb, or on paper with live prices. Goes on where "
        "it stopped; ends with Ctrl-C.",
    )
    add = parser.add_argument
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--sandbox-exchange",
        nargs="?",
        const=SPOT,
        choices=(SPOT, LINEAR),
        help="trade on the sandbox's own exchange, to rehearse outages; spot (default) or linear",
    )
    kinds.add_argument(
        "--paper",
        nargs="+",
        metavar=("EXCHANGE", "SYMBOL"),
        help="trade an exchange's live prices on paper, without a key: binance BTC/USDT ETH/USDT",
    )
    add("--speed", help="of recorded prices: market seconds per second, or max (default 600)")
    add("--fresh", action="store_true", help="forget the demo's former state first")
    add("--host", default=environ.get("HOST") or "127.0.0.1", help="address to listen on")
    add("--port", default=environ.get("PORT") or "8080", help="port of the page (default 8080)")
    add("--config", type=Path, help="settings to use instead of the demo's own")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise Refused(f"port {text}: use a number from 0 to 65535", BAD_INPUT)
    return int(text)


def _set_speed(options: Options) -> None:
    if options.play is not Play.REPLAY:
        if options.speed is not None:
            raise Refused(
                "--speed is for recorded prices; an exchange keeps real time. Leave it out",
                BAD_INPUT,
            )
        return
    speed = options.speed = options.speed or "600"
    if speed != "max" and not _is_positive(speed):
        raise Refused(f"--speed {speed}: use a number above 0, or max", BAD_INPUT)


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def _check_paper(paper: Sequence[str]) -> None:
    exchange, *symbols = paper
    if not _EXCHANGE.fullmatch(exchange) or not symbols:
        raise Refused(
            "--paper wants an exchange and symbols, such as: --paper binance BTC/USDT ETH/USDT",
            BAD_INPUT,
        )
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            raise Refused(
                f"--paper: {symbol} is no symbol; write BTC/USDT, or BTC/USDT:USDT for a perpetual",
                BAD_INPUT,
            )
    if len({":" in symbol for symbol in symbols}) > 1:
        raise Refused(
            "--paper: spot and perpetuals are two accounts; start with the one or the other",
            BAD_INPUT,
        )
    if len({money_of(symbol) for symbol in symbols}) > 1:
        raise Refused(
            "--paper: the symbols are paid in different currencies; start with those of one",
            BAD_INPUT,
        )


def money_of(symbol: str) -> str:
    """Return what a checked symbol is paid in: USDT for BTC/USDT."""
    found = _SYMBOL.fullmatch(symbol)
    return "" if found is None else found[3] or found[2]


def _own_settings(options: Options) -> Path:
    if options.play is Play.REPLAY:
        return _CONFIG / "demo.yaml"
    if options.play is Play.PAPER:
        return _CONFIG / "paper.yaml"
    return _CONFIG / ("exchange.yaml" if options.market == SPOT else "exchange_linear.yaml")


def _folder_of(options: Options) -> str:
    if options.play is Play.REPLAY:
        return "demo"
    name = "exchange" if options.play is Play.EXCHANGE else f"paper-{options.exchange}"
    return name if options.market == SPOT else f"{name}-{LINEAR}"
