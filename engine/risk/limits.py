"""Limits, as a person sets them. None switches one off."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class TradingHours:
    """When entries are allowed: a daily window of local wall time, end exclusive.

    A window whose end lies before its start reaches over midnight. Saturdays and Sundays are
    inside it: the market's own calendar closes those.
    """

    start: time
    end: time
    zone: str

    def allow(self, instant: datetime) -> bool:
        """Tell whether an entry may be decided at `instant` (aware)."""
        local = instant.astimezone(ZoneInfo(self.zone)).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Names follow RTS 6 Art. 15 and SEC 15c3-5 where those have one.

    Attributes:
        max_order_value: Notional of one order, reporting asset.
        max_position_value: Notional of one instrument over all books after the order.
        max_daily_loss: Loss of the account since the day cut, unrealised included, as a
            fraction of the equity at the cut; at it, entries wait for the next day.
        daily_loss_warning: Part of that limit at which a person is warned.
        price_collar: A limit price further than this fraction from the reference is refused.
        trading_hours: Entries only then; resting ones are cancelled at its end.
        duplicate_window: Same book, instrument, side, type, quantity and price again within it.
    """

    max_order_value: Decimal | None = None
    max_position_value: Decimal | None = None
    max_daily_loss: Decimal | None = None
    daily_loss_warning: Decimal = Decimal("0.8")
    price_collar: Decimal | None = None
    duplicate_window: timedelta | None = None
    trading_hours: TradingHours | None = None


NO_LIMITS = RiskLimits()
