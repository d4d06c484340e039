"""Binance's refusals: HTTP status, code and the text it really sends.

Clients match on the texts, so they are copied as the documentation and recorded answers have them
(developers.binance.com, "Error codes" of spot and of USD-M futures).
"""

from __future__ import annotations

from sandbox.exchange.binance.wirejson import JsonObject


class ApiError(Exception):
    """A refusal as it goes over the wire."""

    def __init__(
        self,
        code: int,
        text: str,
        *,
        status: int = 400,
        retry_after_s: int | None = None,
        data: JsonObject | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.retry_after_s = retry_after_s
        self.data = data

    def to_json(self) -> JsonObject:
        """Return the body: code and text, with `data` where both halves of a request are told."""
        body: JsonObject = {"code": self.code, "msg": self.text}
        if self.data is not None:
            body["data"] = self.data
        return body


class Gone(Exception):
    """The endpoint was retired (HTTP 410); Binance answers without JSON."""


def unknown_error() -> ApiError:
    """Return -1000, which comes with HTTP 500 and says nothing about the outcome."""
    return ApiError(-1000, "An unknown error occurred while processing the request.", status=500)


def unavailable() -> ApiError:
    """Return -1001, a failure inside; the documentation calls the outcome unknown."""
    return ApiError(
        -1001, "Internal error; unable to process your request. Please try again.", status=503
    )


def backend_timeout() -> ApiError:
    """Return -1007: no answer from within, the outcome is unknown."""
    return ApiError(
        -1007,
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown.",
        status=408,
    )


def overloaded() -> ApiError:
    """Return -1008: the request was thrown away."""
    return ApiError(
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        status=503,
    )


def too_many_requests(limit: int, retry_after_s: int) -> ApiError:
    """Return the 429 of a used-up weight."""
    text = (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return ApiError(-1003, text, status=429, retry_after_s=retry_after_s)


def banned(until_ms: int, retry_after_s: int) -> ApiError:
    """Return the 418 of an address that went on after 429."""
    text = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return ApiError(-1003, text, status=418, retry_after_s=retry_after_s)


def too_many_orders(limit: int, per: str, retry_after_s: int) -> ApiError:
    """Return the 429 of an order rate; `per` reads like `10 SECOND`."""
    text = f"Too many new orders; current limit is {limit} orders per {per}."
    return ApiError(-1015, text, status=429, retry_after_s=retry_after_s)


def late_timestamp() -> ApiError:
    """Return -1021 for a request older than its window."""
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def early_timestamp() -> ApiError:
    """Return -1021 for a request from the future."""
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def bad_signature() -> ApiError:
    """Return -1022."""
    return ApiError(-1022, "Signature for this request is not valid.")


def illegal(name: str, legal: str) -> ApiError:
    """Return -1100 for a parameter whose characters cannot be right."""
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def missing(name: str) -> ApiError:
    """Return -1102."""
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def not_required(name: str) -> ApiError:
    """Return -1106."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def bad_symbol() -> ApiError:
    """Return -1121."""
    return ApiError(-1121, "Invalid symbol.")


def no_listen_key() -> ApiError:
    """Return -1125."""
    return ApiError(-1125, "This listenKey does not exist.")


def unknown_order() -> ApiError:
    """Return -2011: there is nothing to cancel."""
    return ApiError(-2011, "Unknown order sent.")


def no_such_order() -> ApiError:
    """Return -2013: there is nothing to show."""
    return ApiError(-2013, "Order does not exist.")


def bad_key_format() -> ApiError:
    """Return -2014."""
    return ApiError(-2014, "API-key format invalid.", status=401)


def key_refused() -> ApiError:
    """Return -2015: unknown or expired key, wrong address or missing right; it does not say."""
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def algo_service_only() -> ApiError:
    """Return -4120: futures' conditional orders have an endpoint of their own."""
    return ApiError(
        -4120,
        "Order type not supported for this endpoint. "
        "Please use the Algo Order API endpoints instead.",
    )


def maintenance(retry_after_s: int) -> ApiError:
    """Return what is said while the exchange is closed for maintenance."""
    return ApiError(1, "System is under maintenance.", status=503, retry_after_s=retry_after_s)
