"""Every key of the configuration, typed and documented. Units are in the names or the help.

`config.loading` reads them; docs/configuration.md tells a user about them, and
`outcry config schema` prints them as JSON schema.
"""

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
    model_validator,
)

from engine.domain.accounts import CostMethod, TradingMode
from engine.domain.bars import Timeframe
from engine.domain.instruments import InstrumentKind, PriceKind
from engine.domain.messages import Role, Severity

# --- kinds of values --------------------------------------------------------------------------


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone; use an IANA name such as Europe/Berlin") from None
    return name


def _timeframe(text: str) -> str:
    return str(Timeframe.parse(text))


def _text(value: object) -> object:
    """Take a number for a name: `runs: [{name: 1}]` means the text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _exact(value: object) -> object:
    """Read a YAML or JSON float by its digits, never by its binary value."""
    return repr(value) if isinstance(value, float) else value


Zone = Annotated[str, AfterValidator(_zone)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
TimeframeText = Annotated[str, AfterValidator(_timeframe)]
Name = Annotated[
    str,
    BeforeValidator(_text),
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=24),
]
Symbol = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Money = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False)]
PositiveMoney = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1, allow_inf_nan=False)]
Distance = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, lt=1, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]
ParamScalar = bool | int | float | str


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# --- trading ----------------------------------------------------------------------------------


class AccountSettings(Section):
    """The account that this service trades."""

    id: Name = "main"
    """Names the account in messages, files and the database."""
    mode: TradingMode = TradingMode.REPLAY
    """replay (recorded data), paper (live prices, simulated fills), testnet (the venue's sandbox or
    demo), shadow (live keys, decisions logged, nothing sent) or live."""
    reporting: Symbol = "USD"
    """Currency of every figure."""
    opening_cash: dict[Symbol, PositiveMoney] = Field(
        default_factory=lambda: {"USD": Decimal(100_000)}
    )
    """What a simulated account begins with, by currency."""
    cost_method: CostMethod = CostMethod.AVERAGE
    """average or fifo: how realised P&L picks the cost of what is sold. Fixed at opening."""
    time_zone: Zone = "UTC"
    """Where the trading day is cut; IANA name."""
    day_cut: TimeOfDay = "00:00"
    """Local time at which the trading day ends and the daily report is due, "HH:MM"."""
    allow_short: bool = False
    """Whether strategies may go short; otherwise their negative targets mean flat."""


class InstrumentSettings(Section):
    """What one symbol is."""

    kind: InstrumentKind = InstrumentKind.SPOT
    """spot, linear (P&L in the quote, e.g. FX or USDT futures) or inverse."""
    base: Symbol
    """The asset that is bought."""
    quote: Symbol
    """The asset that prices are in."""
    price_increment: Money = Decimal(0)
    """Smallest price step; 0 rounds nothing."""
    quantity_increment: PositiveMoney = Decimal("0.00000001")
    """Smallest quantity step."""
    min_quantity: Money = Decimal(0)
    """Smallest order."""
    min_notional: Money = Decimal(0)
    """Smallest order value, in the quote."""
    multiplier: PositiveMoney = Decimal(1)
    """Contract size."""
    calendar: str = "24/7"
    """Trading hours: a name of exchange_calendars, or 24/7."""
    price_kind: PriceKind = PriceKind.TRADE
    """trade, bid, ask or mark: what the recorded bars are made of."""
    adjustment: Literal["raw", "split", "all"] = "raw"
    """What recorded prices are adjusted for."""


class DataFile(Section):
    """One file of recorded bars."""

    file: Path
    """CSV or Parquet; relative to the file this is written in."""
    symbol: Symbol | None = None
    """Defaults to the file's stem."""
    timeframe: TimeframeText | None = None
    """Such as 1m or 1h; defaults to the commonest distance between rows."""
    hours: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d-\d\d:\d\d$")] | None = None
    """Play only bars that start within these hours, UTC: "14:00-20:00"."""
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1
    """Play the file so many times, whole weeks apart; prices jump where it begins again."""


def _hours(text: str) -> str:
    """Check "HH:MM-HH:MM ZONE"; the composition root reads it again."""
    times, _, zone = text.partition(" ")
    start, _, end = times.partition("-")
    try:
        time.fromisoformat(start)
        time.fromisoformat(end)
        ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError) as exc:
        raise ValueError(f'{text!r} is not of the form "09:30-16:00 America/New_York"') from exc
    return text


TradingHoursText = Annotated[str, AfterValidator(_hours)]


class FeeSettings(Section):
    """Commission of the simulated venue, as fractions of a fill's value."""

    maker: Fraction = Decimal("0.0005")
    taker: Fraction = Decimal("0.0005")


class ReplaySettings(Section):
    """Recorded data and how it is played."""

    data: tuple[DataFile, ...] = ()
    """Files to play."""
    speed: PositiveFloat | Literal["max"] = 600.0
    """Market seconds per wall second: 60 plays a minute of market per second; or "max"."""
    start_after: NonNegativeInt = 0
    """So many bars of each file are history (warm-up) before the replay starts."""
    rebase: bool = True
    """Move series of other dates to a shared start; shown as such."""
    seed: int = 1
    """Of everything random in fills."""
    fees: FeeSettings = FeeSettings()
    slippage: Fraction = Decimal("0.0001")
    """How much worse than the available price market orders and stops fill."""
    random_slippage: Fraction = Decimal(0)
    """Up to this much more, drawn per fill."""
    latency_ms: NonNegativeInt = 0
    """How long an order travels, market time."""
    volume_share: Distance | None = None
    """Fraction of a bar's volume that fills may take; none for no limit."""
    leverage: Annotated[Decimal, BeforeValidator(_exact), Field(ge=1)] = Decimal(1)
    """Of derivatives: notional over margin."""


class VenueSettings(Section):
    """The exchange behind the modes paper, testnet, shadow and live; replay asks for none."""

    exchange: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]*$")] = ""
    """Its ccxt id, such as binance or kraken."""
    market: Literal["spot", "linear"] = "spot"
    """spot, or linear perpetuals (symbols such as BTC/USDT:USDT)."""
    key: SecretStr | None = None
    """API key; only from the environment: OUTCRY_VENUE__KEY. Paper needs none."""
    key_file: Path | None = None
    """A file that holds it, instead."""
    secret: SecretStr | None = None
    """Only from the environment: OUTCRY_VENUE__SECRET."""
    secret_file: Path | None = None
    """A file that holds it, instead."""
    passphrase: SecretStr | None = None
    """For exchanges that ask for one. Only from the environment: OUTCRY_VENUE__PASSPHRASE."""
    passphrase_file: Path | None = None
    """A file that holds it, instead."""
    position_mode: Literal["one_way"] = "one_way"
    """What the account must be set to there; read and compared, never switched. Hedge mode is not
    traded."""
    margin_mode: Literal["cross", "isolated"] = "cross"
    """What every traded perpetual must be set to there; read and compared, never switched."""
    leverage: Annotated[Decimal, BeforeValidator(_exact), Field(ge=1)] = Decimal(1)
    """What every traded perpetual must be set to there; read and compared, never switched."""
    unaudited_key: bool = False
    """Trade live although the exchange can't tell whether the key may withdraw."""
    urls: dict[str, str] = {}
    """Other servers to talk to: {rest: "http://127.0.0.1:9000", ws: "ws://127.0.0.1:9000"}, or by
    the name ccxt has for one of the exchange's addresses, such as fapiPublic. Paths are kept."""
    demo: bool = False
    """Of mode testnet: demo trading instead of the test network, which Binance futures lacks."""
    timeout_seconds: PositiveFloat = 10.0
    """For one request."""
    validity_ms: Annotated[int, Field(ge=2_000, le=60_000)] | None = None
    """How long after its time stamp the exchange may still act on a request (Binance's and Bybit's
    recvWindow, Kraken's deadline); unset: 2,500, at Kraken 5,000. So long an order whose answer was
    lost may still arrive: it is proved absent a second later. On a line slower than that requests
    are refused."""
    reconcile_seconds: PositiveInt = 60
    """Wall time between two comparisons of our books with the venue's."""
    dead_man_seconds: NonNegativeInt = 0
    """The venue cancels our resting entries when it has not heard from us for so long; 0 for off.
    Armed only where that spares protective stops, or while no position relies on one."""
    markets_max_age_hours: PositiveFloat = 24.0
    """How long the stored list of markets is used before it is loaded again."""


class PaperSettings(Section):
    """How orders fill on paper: against the live book."""

    fees: FeeSettings = FeeSettings(maker=Decimal("0.001"), taker=Decimal("0.001"))
    latency_ms: NonNegativeInt = 100
    """How long an order travels."""
    leverage: Annotated[Decimal, BeforeValidator(_exact), Field(ge=1)] = Decimal(1)
    """Of derivatives: notional over margin."""
    seed: int = 1
    """Of everything random in fills."""


class TakeProfitSettings(Section):
    """One rung of a take-profit ladder."""

    distance: Distance
    """Fraction of the entry price in profit."""
    fraction: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=1)] = Decimal(1)
    """How much of the position as entered is closed there."""


class ExitPlanSettings(Section):
    """When a position ends without a signal. Distances are fractions of the entry price."""

    stop: Distance | None = None
    """0.02 stops a long 2 % below its average entry."""
    take_profits: tuple[TakeProfitSettings, ...] = ()
    trail: Distance | None = None
    """Trailing distance from the best close since entry."""
    trail_after: Money = Decimal(0)
    """Profit at which trailing begins."""
    break_even_after: Distance | None = None
    """Profit at which the stop moves to the average entry."""
    max_bars: PositiveInt | None = None
    """Close after so many bars."""

    @model_validator(mode="after")
    def _whole(self) -> "ExitPlanSettings":
        if sum((rung.fraction for rung in self.take_profits), Decimal(0)) > 1:
            raise ValueError("take_profits close more than the whole position; make them sum to 1")
        return self


class RunSettings(Section):
    """One strategy run. `start: true` starts it when it is first seen; else /start does."""

    name: Name
    """What you type in chat; unique."""
    strategy: str
    """Name of a built-in or of your file in the strategies folder."""
    params: dict[str, ParamScalar] = {}
    """By name; see `outcry strategies list`."""
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)]
    timeframe: TimeframeText
    capital: PositiveMoney
    """What the run may use, in the reporting currency, plus what it makes."""
    exit_plan: ExitPlanSettings | None = None
    """For positions whose strategy states no exit plan of its own."""
    start: bool = False


class RiskSettings(Section):
    """Limits that no order passes; leave one out to switch it off."""

    max_order_value: PositiveMoney | None = None
    """Largest order, reporting currency."""
    max_position_value: PositiveMoney | None = None
    """Largest position per instrument over all runs, reporting currency."""
    max_daily_loss: Distance | None = None
    """Loss since the day cut, as a fraction of equity, at which entries wait for the next day."""
    daily_loss_warning: Fraction = Decimal("0.8")
    """Part of that limit at which you are warned."""
    price_collar: Distance | None = None
    """A limit price further than this fraction from the market is refused."""
    duplicate_window_seconds: NonNegativeInt = 0
    """The same order again within this market time is refused; 0 for off."""
    trading_hours: TradingHoursText | None = None
    """Entries only then, e.g. "09:30-16:00 America/New_York"; resting ones end with it."""


class StrategiesSettings(Section):
    """Where your strategies are and what they may take."""

    folder: Path = Path("custom/strategies")
    """NAME.py or NAME/strategy.py files; one named like a built-in replaces it."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Worker processes that run strategy code."""
    deadline_seconds: PositiveFloat = 2.0
    """For one decision; a run that exceeds it is paused."""


# --- people -----------------------------------------------------------------------------------


class OperatorSettings(Section):
    """Somebody who may command the bot."""

    id: PositiveInt
    """Numeric Telegram user id; the bot tells a stranger his."""
    role: Role
    """viewer, trader, risk or admin."""
    name: str = ""


class TelegramSettings(Section):
    """The bot. Without a token it is off."""

    token: SecretStr | None = None
    """Only from the environment: OUTCRY_TELEGRAM__TOKEN or TELEGRAM_TOKEN."""
    token_file: Path | None = None
    """A file that holds it, instead."""
    base_url: str = "https://api.telegram.org/bot"
    """Any Bot API server, in python-telegram-bot's form: the token is appended."""
    base_file_url: str = "https://api.telegram.org/file/bot"
    operators: tuple[OperatorSettings, ...] = ()
    """Who may command; empty means nobody."""
    chats: tuple[int, ...] = ()
    """Groups in which operators may command; every other one is left."""
    poll_timeout_seconds: Annotated[int, Field(ge=0, le=50)] = 25


class EmailSettings(Section):
    """Mail over SMTP. Without a host it is off."""

    host: str = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """none is for this machine only."""
    ca_file: Path | None = None
    """Certificate authority to trust instead of the system's."""
    username: str = ""
    password: SecretStr | None = None
    """Only from the environment: OUTCRY_EMAIL__PASSWORD."""
    password_file: Path | None = None
    """A file that holds it, instead."""
    sender: str = ""
    recipients: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "EmailSettings":
        if self.host and not (self.sender and self.recipients):
            raise ValueError("with a host, set sender and recipients too")
        return self


class PushSettings(Section):
    """Push notes over ntfy. Without a topic it is off."""

    server: str = "https://ntfy.sh"
    topic: str = Field(default="", repr=False)
    """Who knows the topic reads the notes: choose one that can't be guessed."""
    token: SecretStr | None = None
    """Only from the environment: OUTCRY_PUSH__TOKEN."""
    token_file: Path | None = None
    """A file that holds it, instead."""


class RouteSettings(Section):
    """What one channel is told."""

    channel: Literal["telegram", "email", "push"]
    minimum: Severity = Severity.INFO
    """info, notice, warning or critical, and above."""
    include: tuple[str, ...] = ()
    """Event types told whatever their severity, e.g. OrderFilled."""
    exclude: tuple[str, ...] = ()
    """Event types never told."""


# --- the service ------------------------------------------------------------------------------


class WebSettings(Section):
    """The HTTP port: /healthz, /metrics and the API."""

    host: str = "127.0.0.1"
    port: Port = 8080
    """0 takes any free one."""


class StorageSettings(Section):
    """The database."""

    url: str = ""
    """Such as sqlite+aiosqlite:////srv/outcry.db; empty: outcry.db in the data directory."""


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(Section):
    """Everything Outcry can be told."""

    data_dir: Path = Path("var")
    """Where all state lies; OUTCRY_DATA_DIR."""
    account: AccountSettings = AccountSettings()
    instruments: dict[Symbol, InstrumentSettings] = {}
    """By symbol. A symbol without an entry is a spot asset quoted in the reporting currency."""
    replay: ReplaySettings = ReplaySettings()
    venue: VenueSettings = VenueSettings()
    paper: PaperSettings = PaperSettings()
    runs: tuple[RunSettings, ...] = ()
    risk: RiskSettings = RiskSettings()
    strategies: StrategiesSettings = StrategiesSettings()
    telegram: TelegramSettings = TelegramSettings()
    email: EmailSettings = EmailSettings()
    push: PushSettings = PushSettings()
    routes: tuple[RouteSettings, ...] | None = None
    """Who is told what; left out: all to Telegram, what matters to push, reports to mail."""
    web: WebSettings = WebSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> "Settings":
        seen: set[str] = set()
        for run in self.runs:
            if run.name.casefold() in seen:
                raise ValueError(f"two runs are named {run.name}; give each a name of its own")
            seen.add(run.name.casefold())
        return self

    @model_validator(mode="after")
    def _venue_is_named(self) -> "Settings":
        without = {TradingMode.REPLAY, TradingMode.BACKTEST}
        if self.account.mode not in without and not self.venue.exchange:
            raise ValueError(
                f"account.mode {self.account.mode} needs venue.exchange, such as binance"
            )
        return self

    @property
    def database_url(self) -> str:
        """Return where the database is, as SQLAlchemy writes it."""
        return self.storage.url or f"sqlite+aiosqlite:///{self.data_dir / 'outcry.db'}"

    @property
    def duplicate_window(self) -> timedelta | None:
        seconds = self.risk.duplicate_window_seconds
        return timedelta(seconds=seconds) if seconds else None
