"""`outcry data`: the command line. The bodies lie in outcry/history, imported when called."""

from pathlib import Path
from typing import Annotated

import typer

_Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings file; see: outcry run --help"),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
_Venue = Annotated[str, typer.Argument(metavar="VENUE", help="Exchange id, such as binance.")]
_Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")]
_Timeframe = Annotated[
    str, typer.Option("--timeframe", "-t", metavar="1m|1h|1d|...", help="Length of a bar.")
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Day or time, UTC: 2024-01-31, 2024-01-31T14:30."),
]
_To = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="As --from, exclusive; now if left out.")
]

data_app = typer.Typer(
    help="Keep recorded bars on disk: fetch, list, verify, export, resample.",
    no_args_is_help=True,
)


@data_app.command("fetch")
def data_fetch(
    venue: _Venue,
    symbols: Annotated[
        list[str], typer.Argument(metavar="SYMBOL...", help="Such as BTC/USDT or BTC/USDT:USDT.")
    ],
    timeframe: _Timeframe = "1m",
    since: _From = None,
    until: _To = None,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Fetch what is missing on disk from an exchange; public data, no key.

    Run it again to go on where it stopped: only gaps and what is new are asked for. Without
    --from it begins at the first bar on disk. Ctrl-C keeps what has come.

    Example: outcry data fetch binance BTC/USDT ETH/USDT --from 2024-01-01
    """
    from engine.schedule.live import SystemWallClock
    from engine.venues.ccxt.backoff import system_draw
    from outcry.history.fetching import Request, fetch
    from outcry.history.sources import open_source
    from outcry.logs import configure_logs

    # what the exchange refuses is told on standard error; no key is used, so no secret can show
    configure_logs(level="warning", form="console", secrets=())
    request = Request(
        venue=venue,
        symbols=tuple(symbols),
        timeframe=timeframe,
        since=since,
        until=until,
        config=config,
        as_json=as_json,
    )
    raise typer.Exit(fetch(request, open_source, SystemWallClock(), system_draw()))


@data_app.command("list")
def data_list(config: _Config = None, as_json: _Json = False) -> None:
    """List what is on disk: first and last bar, how many, proven empty ones, gaps, size."""
    from outcry.history.listing import list_history

    raise typer.Exit(list_history(config, as_json=as_json))


@data_app.command("verify")
def data_verify(
    venue: Annotated[
        str | None, typer.Argument(metavar="[VENUE]", help="All venues if left out.")
    ] = None,
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="All symbols if left out.")
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option("--timeframe", "-t", metavar="1m|1h|1d|...", help="All if left out."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail for what is odd, too, not only for what is bad.")
    ] = False,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Check what is on disk and report counts and first examples; exit status 1 if it is bad.

    Bad: duplicates, disorder, unknown bars, impossible prices, starts off the grid, bars that have
    not ended. Odd, and perhaps right: long runs without volume, outlying returns.
    """
    from engine.schedule.live import SystemWallClock
    from outcry.history.verifying import Request, verify

    request = Request(
        venue=venue,
        symbols=tuple(symbols or ()),
        timeframe=timeframe,
        strict=strict,
        config=config,
        as_json=as_json,
    )
    raise typer.Exit(verify(request, SystemWallClock()))


@data_app.command("export")
def data_export(
    venue: _Venue,
    symbol: _Symbol,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Ends in .csv or .parquet.")
    ],
    timeframe: _Timeframe = "1m",
    since: _From = None,
    until: _To = None,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Write bars as one file that `outcry backtest --data` and other programs read.

    CSV keeps every digit; Parquet has doubles.

    Example: outcry data export binance BTC/USDT -t 1h --from 2024-01-01 --out BTCUSDT.csv
    """
    from outcry.history.exporting import ExportRequest, export

    request = ExportRequest(
        venue=venue,
        symbol=symbol,
        timeframe=timeframe,
        out=out,
        since=since,
        until=until,
        config=config,
        as_json=as_json,
    )
    raise typer.Exit(export(request))


@data_app.command("resample")
def data_resample(
    venue: _Venue,
    symbol: _Symbol,
    target: Annotated[
        str, typer.Option("--to-timeframe", metavar="5m|1h|1d|...", help="What to make.")
    ],
    timeframe: Annotated[
        str, typer.Option("--timeframe", "-t", metavar="1m|...", help="What to make it of.")
    ] = "1m",
    zone: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Cut days at this zone's midnight; needs --out."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write .csv or .parquet, not the store."),
    ] = None,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Make coarser bars of finer ones on disk; only whole bars, gaps stay gaps.

    Example: outcry data resample binance BTC/USDT --to-timeframe 1h
    """
    from outcry.history.exporting import ResampleRequest, resample_history

    request = ResampleRequest(
        venue=venue,
        symbol=symbol,
        source=timeframe,
        target=target,
        zone=zone,
        out=out,
        config=config,
        as_json=as_json,
    )
    raise typer.Exit(resample_history(request))
