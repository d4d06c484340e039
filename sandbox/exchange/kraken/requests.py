"""Answers requests, and lets them go wrong by the script, in Kraken's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.exchange.core import ApiKey, Effect, Exchange, Fault, Reject
from sandbox.exchange.kraken import errors, signing
from sandbox.exchange.kraken.call import Call
from sandbox.exchange.kraken.desk import Desk
from sandbox.exchange.kraken.endpoints import Endpoint
from sandbox.exchange.kraken.errors import KrakenError, translated
from sandbox.exchange.kraken.limits import Limits
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.signing import Nonces
from sandbox.exchange.kraken.tokens import Tokens
from sandbox.exchange.kraken.views import Views
from sandbox.exchange.wire.acting import Answer, Asked, Counters, WaitUntil

_GARBLED = '{"error":[],"result":{"tx'
_BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_WHEN = frozenset({"nonce"})


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it arrived.

    Attributes:
        body: What was signed.
        refused: Why it was turned away at the door, if it was.
    """

    endpoint: Endpoint
    params: Params
    address: str = ""
    api_key: str = ""
    sign: str = ""
    body: str = ""
    refused: KrakenError | None = None


class Requests(Counters[Ask]):
    """The counter at which Kraken answers."""

    def __init__(
        self,
        exchange: Exchange,
        desk: Desk,
        limits: Limits,
        *,
        acted: Callable[[], None],
        wait_until: WaitUntil,
        nonce_window: int = 0,
    ) -> None:
        """`acted` is called after each request that may have changed something."""
        super().__init__(exchange, wait_until)
        self.desk = desk
        self.tokens = Tokens(exchange)
        self.views = Views(desk)
        self._limits = limits
        self._nonces = Nonces(nonce_window)
        self._acted = acted

    def asked(self, ask: Ask) -> Asked:
        """As `Counters.asked`."""
        pair = self.desk.names.maybe(ask.params.optional("pair") or "")
        given = sorted(ask.params.values.items())
        question = [f"{key}={item}" for key, item in given if key not in _WHEN]
        return Asked(
            name=f"{'GET' if ask.endpoint.is_public else 'POST'} {ask.endpoint.path}",
            operation=ask.endpoint.operation,
            symbol="" if pair is None else pair.own,
            account=self._account_of(ask.api_key),
            question=(ask.endpoint.path, ask.api_key, *question),
        )

    def _account_of(self, api_key: str) -> str:
        try:
            return self.exchange.accounts.key(api_key).account if api_key else ""
        except Reject:
            return ""

    async def answer(self, ask: Ask) -> Answer | None:
        """As `Counters.answer`; a nonce counts when its request arrives, however late it acts."""
        return await super().answer(replace(ask, refused=self._at_the_door(ask)))

    def _at_the_door(self, ask: Ask) -> KrakenError | None:
        if ask.endpoint.is_public:
            return None
        nonce = ask.params.optional("nonce") or ""
        try:
            key = self._key(ask.api_key)
            signing.check_signature(key, ask.endpoint.path, nonce, ask.body, ask.sign)
            self._nonces.take(key.api_key, nonce)
        except KrakenError as exc:
            return exc
        return None

    # as it should be

    def act(self, ask: Ask) -> Answer:
        """Carry a request out, and tell its refusal in Kraken's words."""
        try:
            return Answer(200, {"error": [], "result": ask.endpoint.handler(self._admitted(ask))})
        except KrakenError as exc:
            return refusal(exc)
        except Reject as exc:
            return refusal(translated(exc))
        finally:
            self._acted()

    def call(self, params: Params, account: str = "", key: ApiKey | None = None) -> Call:
        """Return a request for a handler."""
        return Call(self.desk, self.views, self.tokens, params, account, key)

    def _admitted(self, ask: Ask) -> Call:
        now_ms = self.exchange.now_ms
        if ask.endpoint.is_public:
            self._limits.take_public(ask.address, now_ms)
            return self.call(ask.params)
        if ask.refused is not None:
            raise ask.refused
        key = self._key(ask.api_key)
        if ask.endpoint.cost:
            self._limits.take_key(key.api_key, ask.endpoint.cost, now_ms)
        right = ask.endpoint.right
        if right is not None and right not in key.permissions:
            raise errors.permission_denied()
        return self.call(ask.params, key.account, key)

    def _key(self, api_key: str) -> ApiKey:
        try:
            return self.exchange.accounts.key(api_key)
        except Reject as exc:
            raise errors.invalid_key() from exc

    # as it should not be

    def told(self, ask: Ask, fault: Fault) -> Answer | None:
        """Return the error that a fault stands for, if it stands for one."""
        effect = fault.effect
        if effect is Effect.GARBLED_REPLY:
            return Answer(200, {}, raw=_GARBLED)
        if effect in {Effect.SERVER_ERROR, Effect.SERVER_ERROR_ACTED}:
            return Answer(fault.status or 502, {}, raw=_BAD_GATEWAY)
        if effect is Effect.RATE_LIMITED and ask.endpoint.operation in {"submit", "amend"}:
            return refusal(errors.order_rate_exceeded())
        made = _FAULTS.get(effect)
        return None if made is None else refusal(KrakenError(fault.text or made().text))

    def fill_first(self, ask: Ask) -> None:
        """Let the order that the request names fill before the request gets there."""
        try:
            account = self._account_of(ask.api_key)
            for order in self.desk.targets(account, ask.params, "txid", "cl_ord_id"):
                self.exchange.hands.fill(order.order_id)
        except (Reject, KrakenError):
            return  # nothing to fill: the request is carried out as it is

    def not_there_yet(self, ask: Ask) -> Answer | None:
        """Return the answer for an order that is not there yet: nothing is."""
        return Answer(200, {"error": [], "result": {}})


_FAULTS: dict[Effect, Callable[[], KrakenError]] = {
    Effect.RATE_LIMITED: errors.rate_exceeded,
    Effect.BANNED: errors.temporary_lockout,
    Effect.TIMEOUT: errors.service_timeout,
    Effect.TIMEOUT_ACTED: errors.service_timeout,
    Effect.MAINTENANCE: errors.unavailable,
    Effect.CLOCK_REFUSED: errors.invalid_nonce,
    Effect.UNAUTHORIZED: errors.invalid_key,
    Effect.REFUSE: errors.internal_error,
}


def refusal(error: KrakenError) -> Answer:
    """Return the answer that tells an error."""
    return Answer(200, {"error": [error.text]})
