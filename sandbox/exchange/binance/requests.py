"""Answers requests, from HTTP and from websockets alike, and lets them go wrong by the script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sandbox.exchange.binance import errors, signing
from sandbox.exchange.binance.endpoints import ENDPOINTS, Door, Endpoint
from sandbox.exchange.binance.errors import ApiError, Gone
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call, Part
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.wirejson import Json
from sandbox.exchange.core import ApiKey, Effect, Exchange, Fault, Reject
from sandbox.exchange.core.kinds import MarketKind, Permission

WaitUntil = Callable[[int], Awaitable[None]]

_GARBLED = '{"symbol":"BTCUSD'
_BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_UNKNOWN_503 = "Unknown error, please check your request or try again later."
_GONE = "<html><body><h1>410 Gone</h1></body></html>"
_KEPT_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it arrived; `signed` is what the signature must fit."""

    endpoint: Endpoint
    params: Params
    api_key: str | None
    signed: str
    signature: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON, or with `raw` something that is none."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | None = None


class Requests:
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
        self.exchange = exchange
        self.parts = parts
        self.endpoints = dict(ENDPOINTS)
        self.counts: Counter[str] = Counter()  # by method and path, lost requests included
        self._acted = acted
        self._wait_until = wait_until
        self._ahead_ms = ahead_ms
        self._answers: dict[tuple[str, ...], Answer] = {}

    def add(self, *endpoints: Endpoint) -> None:
        """Add endpoints whose state lies outside of the core."""
        self.endpoints |= {(item.method, item.path): item for item in endpoints}

    async def answer(self, ask: Ask) -> Answer | None:
        """Carry a request out; None means that the line is cut without an answer."""
        self.counts[f"{ask.endpoint.method} {ask.endpoint.path}"] += 1
        fault = self.exchange.faults.draw(
            ask.endpoint.operation, self._symbol(ask), self.account_of(ask.api_key)
        )
        if fault is None:
            return self._act(ask)
        return await self._go_wrong(ask, fault)

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

    def _act(self, ask: Ask) -> Answer:
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
        self._remember(ask, answer)
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

    async def _go_wrong(self, ask: Ask, fault: Fault) -> Answer | None:
        effect = fault.effect
        if effect is Effect.DELAY_REQUEST:
            await self._wait_until(self.exchange.now_ms + fault.delay_ms)
        elif effect is Effect.FILL_FIRST:
            self._fill_first(ask)
        elif effect is Effect.STALE_READ:
            return self._stale(ask)
        answer = self._act(ask) if effect.acts else None
        if effect is Effect.DELAY_REPLY:
            await self._wait_until(self.exchange.now_ms + fault.delay_ms)
        return self._told(ask, fault, answer)

    def _told(self, ask: Ask, fault: Fault, answer: Answer | None) -> Answer | None:
        effect = fault.effect
        if not effect.answers:
            return None
        if effect is Effect.GARBLED_REPLY:
            return Answer(200, {}, raw=_GARBLED)
        if effect in {Effect.SERVER_ERROR, Effect.SERVER_ERROR_ACTED}:
            return self._server_error(fault)
        error = self._error(self.parts[ask.endpoint.kind], fault)
        if error is not None:
            return self.refusal(self.parts[ask.endpoint.kind], error)
        return answer if answer is not None else self._act(ask)

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

    def _fill_first(self, ask: Ask) -> None:
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

    def _stale(self, ask: Ask) -> Answer:
        """Answer as before the last changes: as the last time since the rule is on.

        An order that was not asked for since then is not there yet.
        """
        kept = self._answers.get(_question(ask))
        if kept is not None:
            return kept
        if ask.endpoint.operation == "query.order":
            return self.refusal(self.parts[ask.endpoint.kind], errors.no_such_order())
        return self._act(ask)

    def _remember(self, ask: Ask, answer: Answer) -> None:
        """Keep an answer while a rule may want it again: lists are long."""
        if not any(rule.effect is Effect.STALE_READ for rule in self.exchange.faults.rules):
            self._answers.clear()
            return
        if not ask.endpoint.operation.startswith("query"):
            return
        question = _question(ask)
        self._answers.pop(question, None)
        self._answers[question] = answer
        if len(self._answers) > _KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]


def _question(ask: Ask) -> tuple[str, ...]:
    """Return what is asked, apart from when."""
    given = sorted(ask.params.values.items())
    asked = [f"{key}={item}" for key, item in given if key not in _WHEN]
    return (ask.endpoint.path, ask.api_key or "", *asked)


_WHEN = frozenset({"timestamp", "signature", "recvWindow", "apiKey"})
