"""The `outcry` command. Each body is imported when its command is called: `--help` is quick.

Exit status: 0 done; 1 failed; 2 bad input, with one line on standard error per problem.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from outcry.commands.data import data_app

FAILED, BAD_INPUT = 1, 2

_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings file; else OUTCRY_CONFIG, else ./outcry.yaml, else defaults.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

app = typer.Typer(
    name="outcry",
    help="A trading service that you command from a phone. Begin with: outcry demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
strategies_app = typer.Typer(help="List, write and check strategies.", no_args_is_help=True)
config_app = typer.Typer(help="Check the settings, or print their schema.", no_args_is_help=True)
db_app = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(strategies_app, name="strategies")
app.add_typer(config_app, name="config")
app.add_typer(db_app, name="db")
app.add_typer(data_app, name="data")


@app.command()
def run(
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PART]...", help="Nothing, or all: this version is one process."),
    ] = None,
    config: _Config = None,
    exit_with_stdin: Annotated[
        bool, typer.Option(help="Stop when standard input closes: for whoever supervises this.")
    ] = False,
) -> None:
    """Run the service: engine, bot and notifiers in one process, until Ctrl-C or SIGTERM.

    Prints one line once it trades; the log goes to standard error.
    """
    from outcry.commands.run import run_service

    raise typer.Exit(run_service(config, tuple(parts or ()), exit_with_stdin=exit_with_stdin))


@app.command()
def kill(
    reason: Annotated[str, typer.Option(help="Why; told to everybody.")] = "outcry kill",
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Halt trading now. Works without Telegram, without the service, and while it hangs.

    No entries from then on, over restarts too, until a person re-arms (/rearm in chat). Orders
    that could add exposure are cancelled by the service; positions and their stops are kept.
    """
    from outcry.commands.kill import kill_now

    raise typer.Exit(kill_now(config, reason, as_json=as_json))


@app.command()
def doctor(config: _Config = None, as_json: _Json = False) -> None:
    """Check everything that a start needs; says what to do about what fails."""
    from outcry.commands.doctor import examine

    raise typer.Exit(examine(config, as_json=as_json))


@app.command()
def backtest(
    strategy: Annotated[str, typer.Argument(help="Name; see: outcry strategies list")],
    data: Annotated[
        list[Path],
        typer.Option("--data", metavar="FILE", help="CSV or Parquet; the stem is the symbol."),
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A strategy parameter."),
    ] = None,
    cash: Annotated[str, typer.Option(metavar="AMOUNT", help="Cash to begin with.")] = "10000",
    fee: Annotated[
        str | None,
        typer.Option(
            metavar="FRACTION",
            help="Commission per side: 0.001 is 0.1 %. None, or the settings' with --config.",
        ),
    ] = None,
    trades_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the trades as CSV.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Take limits, instruments, slippage and exit plans from these settings.",
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Run a strategy over recorded bars, through the same engine that trades.

    Long only, whole cash per entry; a signal on a bar's close fills at the next bar's open; what
    is open at the end is closed at the last close.
    """
    from outcry.commands.backtest import Request, run_backtest

    raise typer.Exit(
        run_backtest(
            Request(
                strategy=strategy,
                data=tuple(data),
                params=tuple(param or ()),
                cash=cash,
                fee=fee,
                trades_out=trades_out,
                config=config,
                as_json=as_json,
            )
        )
    )


@app.command()
def report(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Trading day; the last one told.")
    ] = None,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Print the P&L report of a trading day, from the database; the service need not run."""
    from outcry.commands.report import print_report

    raise typer.Exit(print_report(config, day, as_json=as_json))


@strategies_app.command("list")
def strategies_list(config: _Config = None, as_json: _Json = False) -> None:
    """List what can be run, with parameters; yours that can't be loaded with the reason."""
    from outcry.commands.strategies import print_strategies

    raise typer.Exit(print_strategies(config, as_json=as_json))


@strategies_app.command("new")
def strategies_new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    config: _Config = None,
) -> None:
    """Write a strategy to start from into your strategies folder; it runs as it is."""
    from outcry.commands.strategies import new_strategy

    raise typer.Exit(new_strategy(config, name))


@strategies_app.command("check")
def strategies_check(
    name: Annotated[str, typer.Argument(help="Strategy to check.")],
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="Bars to try it on; bundled ones if none."),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    config: _Config = None,
    as_json: _Json = False,
) -> None:
    """Prove that a strategy does not look ahead and that its warm-up is long enough."""
    from outcry.commands.strategies import check_strategy

    raise typer.Exit(
        check_strategy(config, name, tuple(data or ()), tuple(param or ()), as_json=as_json)
    )


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of the settings, for editors and checks."""
    from outcry.commands.settings import print_schema

    raise typer.Exit(print_schema())


@config_app.command("check")
def config_check(config: _Config = None, as_json: _Json = False) -> None:
    """Check the settings; tells every problem at once."""
    from outcry.commands.settings import check_settings

    raise typer.Exit(check_settings(config, as_json=as_json))


@db_app.command("upgrade")
def db_upgrade(config: _Config = None) -> None:
    """Bring the database's tables to this version; the service does so itself at a start."""
    from outcry.commands.database import upgrade_database

    raise typer.Exit(upgrade_database(config))


@app.command(
    add_help_option=False,  # the supervisor has a help of its own
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def demo(context: typer.Context) -> None:
    """Try it: the whole service on recorded prices, with a phone page to command it from."""
    from outcry.demo import main as supervise

    raise typer.Exit(supervise(context.args))


@app.command()
def version() -> None:
    """Print the version."""
    from outcry.version import version as installed

    print(f"outcry {installed()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; says what is wrong in a line, never more."""
    sys.excepthook = _unexpected
    from config.loading import SettingsError
    from engine.errors import ConfigError, DataError, OutcryError, StrategyError

    command = typer.main.get_command(app)
    try:
        status = command.main(
            args=None if arguments is None else list(arguments),
            prog_name="outcry",
            standalone_mode=False,
        )
    except SettingsError as exc:
        return _refuse(BAD_INPUT, *exc.problems)
    except (ConfigError, DataError, StrategyError) as exc:
        return _refuse(BAD_INPUT, str(exc))
    except OutcryError as exc:
        return _refuse(FAILED, str(exc))
    except typer.Abort:
        return _refuse(FAILED, "stopped")
    except typer.TyperException as exc:
        return _misused(exc)
    except KeyboardInterrupt:
        return _refuse(FAILED, "stopped")
    except BrokenPipeError:  # whoever read our output has read enough
        sys.stderr.close()
        return FAILED
    return status if isinstance(status, int) else 0


def _misused(error: typer.TyperException) -> int:
    message: str = error.format_message() if hasattr(error, "format_message") else str(error)
    if message.startswith("Usage:"):  # a command that only has others below it
        print(message, file=sys.stderr)
        return BAD_INPUT
    return _refuse(BAD_INPUT, f"{message.rstrip('.')}. See: outcry --help")


def _refuse(status: int, *lines: str) -> int:
    for line in lines:
        print(f"outcry: {' '.join(line.split())}", file=sys.stderr)
    return status


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """One line for the person, the traceback for the log: an exception nobody raised on purpose."""
    from outcry.mishaps import write_down

    where = write_down(kind, error, trace)
    print(
        f"outcry: unexpected {kind.__name__}: {str(error).splitlines()[0] if str(error) else ''}. "
        f"This is a fault of Outcry; details are in {where}",
        file=sys.stderr,
    )
