"""Every exception raised on purpose. Adapters map what their libraries raise to these."""


class OutcryError(Exception):
    """Base of ours: `str()` is one clear line for a person, without secrets."""


class ConfigError(OutcryError):
    """The configuration or the command line can't be used; says which key and what to do."""


class DataError(OutcryError):
    """A data file or feed is malformed: names the file, the row and what is wrong."""


class StorageError(OutcryError):
    """The database can't be read or written: says which, and that nothing was changed."""


class AccountInUse(OutcryError):
    """Another process owns the account or the data directory; names it."""


class StrategyError(OutcryError):
    """A strategy can't be loaded, or its parameters are out of bounds."""


class TradingError(OutcryError):
    """A venue said no, or nothing.

    `user_message` says what happened, whether money moved and what to do next.
    """

    def __init__(self, message: str, *, user_message: str | None = None) -> None:
        super().__init__(message)
        self.user_message = user_message or message


class OrderRefused(TradingError):
    """The venue refused the order: it is not there."""


class InsufficientFunds(OrderRefused):
    """The account can't pay for it."""


class BelowMinimum(OrderRefused):
    """Quantity or notional is under the venue's minimum, or off its increment."""


class UnknownInstrument(OrderRefused):
    """The venue does not list the instrument."""


class StopWouldTrigger(OrderRefused):
    """The stop's price has been reached already: it would not rest, so it is not there."""


class NothingToReduce(OrderRefused):
    """The account holds nothing that the reduce-only order would shrink: it is not there."""


class KeyRefused(OrderRefused):
    """The venue takes no order with this API key: expired, taken away, not for this address."""


class OrderStateUnknown(TradingError):
    """No answer came: the order may or may not be there. Look it up; never send it again."""


class OrderNotFound(TradingError):
    """The venue does not know such an order, as far as this answer goes."""


class RequestRefused(TradingError):
    """The venue read the request and did not act on it (rate limit, clock skew): may be retried."""


class VenueUnavailable(TradingError):
    """A read failed or the venue is down; nothing was changed by it."""


class TradingNotAllowed(TradingError):
    """The key or the account's settings forbid trading as configured: nothing will be sent."""


class QueryTimedOut(OutcryError):
    """The engine did not answer a query in time; it goes on trading."""


class DeliveryRefused(OutcryError):
    """A channel will never take this message as it is.

    Attributes:
        try_plain: Its markup was refused: one try as plain text is worth making.
        disable: The recipient is gone for good (blocked, unsubscribed): stop using it.
    """

    def __init__(self, message: str, *, try_plain: bool = False, disable: bool = False) -> None:
        super().__init__(message)
        self.try_plain = try_plain
        self.disable = disable


class DeliveryDelayed(OutcryError):
    """A channel can't take the message now.

    Attributes:
        retry_after: Seconds the channel asked for, None where it named none.
        may_have_arrived: The message was sent and the answer lost: a repeat must be marked.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived
