"""Answers requests, from HTTP and from websockets alike, and lets them go wrong by the script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.exchange.binance import errors, signing
from sandbox.exchange.binance.endpoints import ENDPOINTS, Door, Endpoint
from sandbox.exchange.binance.errors import ApiError, Gone
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call, Part
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.core import ApiKey, Effect, Exchange, Fault, Reject
from sandbox.exchange.core.kinds import MarketKind, Permission
from sandbox.exchange.wire.acting import Answer, Asked, Counters, WaitUntil

_GARBLED = '{"symbol":"BTCUSD'
_BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_UNKNOWN_503 = "Unknown error, please check your request or try again later."
_GONE = "<html><body><h1>410 Gone</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it arrived; `signed` is what the signature must fit."""

    endpoint: Endpoint
    params: Params
    api_key: str | None
    signed: str
    signature: str


class Requests(Counters[Ask]):
    """The counter at which both halves of Binance answer."""

    def __init__(
        self,
        exchange: Exchange,
        parts: Mapping[MarketKind, Part],
        *,
        acted: Callable[[], None],
        wait_until: WaitUntil,
        ahead_ms: int = signing.AHEAD_MS,
    ) -> None:
        """`acted` is called after each request that may have changed something; `wait_until`
        waits for the exchange's own clock."""
        super().__init__(exchange, wait_until)
        self.parts = parts
        self.endpoints = dict(ENDPOINTS)
        self._acted = acted
        self._ahead_ms = ahead_ms

    def add(self, *endpoints: Endpoint) -> None:
        """Add endpoints whose state lies outside of the core."""
        self.endpoints |= {(item.method, item.path): item for item in endpoints}

    def asked(self, ask: Ask) -> Asked:
        """As `Counters.asked`."""
        endpoint = ask.endpoint
        return Asked(
            name=f"{endpoint.method} {endpoint.path}",
            operation=endpoint.operation,
            symbol=self._symbol(ask),
            account=self.account_of(ask.api_key),
            question=_question(ask),
        )

    def account_of(self, api_key: str | None) -> str:
        """Return whose key it is, or nothing; nobody is let in by this."""
        try:
            return self.exchange.accounts.key(api_key).account if api_key else ""
        except Reject:
            return ""

    def _symbol(self, ask: Ask) -> str:
        wire = ask.params.optional("symbol")
        market = self.parts[ask.endpoint.kind].markets.get(wire) if wire else None
        return market.symbol if market is not None else ""

    # as it should be

    def act(self, ask: Ask) -> Answer:
        """Carry a request out, and tell its refusal in Binance's words."""
        part = self.parts[ask.endpoint.kind]
        account = None
        try:
            call = Call(part, ask.params)
            part.limits.take(ask.endpoint.weigh(call), self.exchange.now_ms)
            call = self._admitted(part, ask)
            account = call.account or None
            body = ask.endpoint.handler(call)
            answer = Answer(200, body, part.limits.headers(account, self.exchange.now_ms))
        except ApiError as exc:
            answer = self.refusal(part, exc, account)
        except Reject as exc:
            answer = self.refusal(part, translated(exc, part.kind), account)
        except Gone:
            answer = Answer(410, {}, raw=_GONE)
        finally:
            self._acted()
        return answer

    def _admitted(self, part: Part, ask: Ask) -> Call:
        door = ask.endpoint.door
        if door is Door.OPEN:
            return Call(part, ask.params)
        key = self.key(ask.api_key)
        if door is not Door.KEY:
            self.check_signed(key, ask)
            self._check_rights(part, key, door)
        return Call(part, ask.params, key.account, key)

    def key(self, api_key: str | None) -> ApiKey:
        """Return a key that is good.

        Raises:
            ApiError: -2014 or -2015.
        """
        name = signing.check_key_form(api_key)
        try:
            return self.exchange.accounts.key(name)
        except Reject as exc:
            raise errors.key_refused() from exc

    def check_signed(self, key: ApiKey, ask: Ask) -> None:
        """Check signature and age.

        Raises:
            ApiError: -1022, -1021 or -1102.
        """
        signing.check_signature(key.secret, ask.signed, ask.signature)
        shown = self.parts[ask.endpoint.kind].shown_now()
        signing.check_age(ask.params, shown, self._ahead_ms)

    def _check_rights(self, part: Part, key: ApiKey, door: Door) -> None:
        needed = part.trade_permission if door is Door.TRADE else Permission.READ
        if needed not in key.permissions:
            raise errors.key_refused()

    def refusal(self, part: Part, error: ApiError, account: str | None = None) -> Answer:
        """Return the answer that tells an error."""
        headers = part.limits.headers(account, self.exchange.now_ms)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        return Answer(error.status, error.to_json(), headers)

    # as it should not be

    def told(self, ask: Ask, fault: Fault) -> Answer | None:
        """Return the error that a fault stands for, if it stands for one."""
        effect = fault.effect
        if effect is Effect.GARBLED_REPLY:
            return Answer(200, {}, raw=_GARBLED)
        if effect in {Effect.SERVER_ERROR, Effect.SERVER_ERROR_ACTED}:
            return self._server_error(fault)
        part = self.parts[ask.endpoint.kind]
        error = self._error(part, fault)
        return None if error is None else self.refusal(part, error)

    def _error(self, part: Part, fault: Fault) -> ApiError | None:
        wait = fault.retry_after_s
        made = {
            Effect.RATE_LIMITED: lambda: errors.too_many_requests(
                part.limits.rates.weight_per_minute, wait
            ),
            Effect.BANNED: lambda: errors.banned(part.shown_now() + wait * 1000, wait),
            Effect.TIMEOUT: errors.backend_timeout,
            Effect.TIMEOUT_ACTED: errors.backend_timeout,
            Effect.MAINTENANCE: lambda: errors.maintenance(wait),
            Effect.CLOCK_REFUSED: errors.late_timestamp,
            Effect.UNAUTHORIZED: errors.key_refused,
            Effect.REFUSE: errors.unknown_error,
        }.get(fault.effect)
        if made is None:
            return None
        usual = made()
        return ApiError(
            fault.code or usual.code,
            fault.text or usual.text,
            status=fault.status or (400 if fault.effect is Effect.REFUSE else usual.status),
            retry_after_s=usual.retry_after_s,
        )

    def _server_error(self, fault: Fault) -> Answer:
        """Return a 5xx; whether anything was done cannot be seen from it."""
        status = fault.status or 502
        if fault.code or status == 503:
            return Answer(
                status, ApiError(fault.code or -1000, fault.text or _UNKNOWN_503).to_json()
            )
        return Answer(status, {}, raw=_BAD_GATEWAY)

    def fill_first(self, ask: Ask) -> None:
        """Let the order that the request names fill before the request gets there."""
        params, symbol = ask.params, self._symbol(ask)
        try:
            order = self.exchange.history.order(
                self.account_of(ask.api_key),
                symbol,
                order_id=params.integer("orderId") or params.integer("cancelOrderId") or 0,
                client_order_id=params.optional("origClientOrderId")
                or params.optional("cancelOrigClientOrderId")
                or "",
            )
            self.exchange.hands.fill(order.order_id)
        except (Reject, ApiError):
            return  # nothing to fill: the request is carried out as it is

    def not_there_yet(self, ask: Ask) -> Answer | None:
        """Return the answer for an order that is not there yet."""
        return self.refusal(self.parts[ask.endpoint.kind], errors.no_such_order())


def _question(ask: Ask) -> tuple[str, ...]:
    """Return what is asked, apart from when."""
    given = sorted(ask.params.values.items())
    asked = [f"{key}={item}" for key, item in given if key not in _WHEN]
    return (ask.endpoint.path, ask.api_key or "", *asked)


_WHEN = frozenset({"timestamp", "signature", "recvWindow", "apiKey"})
