"""Orders over a websocket: the same requests in other words."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.exchange.core import Effect, Reject
from sandbox.exchange.kraken import trading, wanted
from sandbox.exchange.kraken.call import Call
from sandbox.exchange.kraken.errors import KrakenError, translated
from sandbox.exchange.kraken.names import Names
from sandbox.exchange.kraken.params import Params
from sandbox.exchange.kraken.requests import Requests
from sandbox.exchange.kraken.wirejson import JsonObject
from sandbox.exchange.wire.acting import WaitUntil

Result = list[JsonObject]


class SocketOrders:
    """Carries out what a websocket asks to change; faults are those of HTTP requests."""

    def __init__(
        self, requests: Requests, acted: Callable[[], None], wait_until: WaitUntil
    ) -> None:
        self._requests = requests
        self._acted = acted
        self._wait_until = wait_until

    @property
    def names(self) -> Names:
        """The markets."""
        return self._requests.desk.names

    @property
    def shown_ms(self) -> int:
        """What the clock shows now."""
        return self._requests.desk.now_ms

    async def answer(self, method: str, params: Params) -> Result:
        """Return the bodies of the answers, one each; none where the script loses them."""
        operation, act = ORDER_METHODS[method]
        exchange = self._requests.exchange
        self._requests.counts[f"WS {method}"] += 1
        try:
            account = self._requests.tokens.account(params.optional("token"))
        except KrakenError as exc:
            return [_refused(exc)]
        pair = self.names.symbols.get(params.optional("symbol") or "")
        fault = exchange.faults.draw(operation, "" if pair is None else pair.own, account)
        if fault is not None and fault.effect is Effect.DELAY_REQUEST:
            await self._wait_until(exchange.now_ms + fault.delay_ms)
        if fault is not None and not fault.effect.acts:
            answers = fault.effect.answers
            return [_refused(KrakenError(fault.text or "EService:Unavailable"))] if answers else []
        found = self._act(act, self._requests.call(params, account))
        if fault is not None and fault.effect is Effect.DELAY_REPLY:
            await self._wait_until(exchange.now_ms + fault.delay_ms)
        return found if fault is None or fault.effect.answers else []

    def _act(self, act: Callable[[Call], Result], call: Call) -> Result:
        try:
            return [{"result": one, "success": True} for one in act(call)]
        except KrakenError as exc:
            return [_refused(exc)]
        except Reject as exc:
            return [_refused(translated(exc))]
        finally:
            self._acted()


def _refused(error: KrakenError) -> JsonObject:
    return {"error": error.text, "success": False}


def _add(call: Call) -> Result:
    one = wanted.of_frame(call.params, call.names, call.desk.now_ms)
    order = call.desk.place(call.account, one)
    found: JsonObject = {} if order is None else {"order_id": call.desk.order_id(order)}
    if one.client_id is not None:
        found["cl_ord_id"] = one.client_id
    return [found]


def _amend(call: Call) -> Result:
    (order,) = call.desk.targets(call.account, call.params, "order_id", "cl_ord_id")
    trading.amend(call, order, call.params)
    return [{"amend_id": trading.amend_id(order), "order_id": call.desk.order_id(order)}]


def _cancel(call: Call) -> Result:
    """Each order is answered by itself."""
    asked = [Params({"order_id": item}) for item in call.params.items("order_id")]
    asked += [Params({"cl_ord_id": item}) for item in call.params.items("cl_ord_id")]
    found: Result = []
    for one in asked:
        for order in call.desk.targets(call.account, one, "order_id", "cl_ord_id"):
            call.desk.cancel(call.account, order)
            found.append({"order_id": call.desk.order_id(order)})
    return found


def _cancel_all(call: Call) -> Result:
    return [{"count": call.desk.cancel_all(call.account)}]


ORDER_METHODS: dict[str, tuple[str, Callable[[Call], Result]]] = {
    "add_order": ("submit", _add),
    "amend_order": ("amend", _amend),
    "cancel_order": ("cancel", _cancel),
    "cancel_all": ("cancel_all", _cancel_all),
}
