"""Who is let in: keys, signatures and the age of requests."""

import hashlib
import hmac

import pytest

from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.signing import (
    check_age,
    check_key_form,
    check_signature,
    signed_text,
    websocket_text,
)

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
# The worked example of the documentation (developers.binance.com, "SIGNED endpoint examples").
QUERY = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
    "&recvWindow=5000&timestamp=1499827319559"
)
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def code_of(caught: pytest.ExceptionInfo[ApiError]) -> int:
    return caught.value.code


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"{QUERY}&signature={SIGNATURE}", ""),
        ("", f"{QUERY}&signature={SIGNATURE}"),
        (QUERY[:54], f"{QUERY[54:]}&signature={SIGNATURE}"),
    ],
    ids=["query", "body", "both"],
)
def test_the_documented_example_is_accepted_wherever_its_parameters_are(
    query: str, body: str
) -> None:
    text, signature = signed_text(query, body)
    assert (text, signature) == (QUERY, SIGNATURE)
    check_signature(SECRET, text, signature)


def test_a_changed_parameter_breaks_the_signature() -> None:
    with pytest.raises(ApiError) as caught:
        check_signature(SECRET, QUERY.replace("quantity=1", "quantity=2"), SIGNATURE)
    assert code_of(caught) == -1022


def test_a_missing_signature_is_told_as_a_missing_parameter() -> None:
    text, signature = signed_text(QUERY, "")
    with pytest.raises(ApiError) as caught:
        check_signature(SECRET, text, signature)
    assert code_of(caught) == -1102


def test_websocket_requests_sign_their_parameters_by_name() -> None:
    params = Params.of_json({"timestamp": 5, "apiKey": "k", "returnRateLimits": False})
    assert websocket_text(params) == "apiKey=k&returnRateLimits=false&timestamp=5"
    signature = hmac.new(b"s", websocket_text(params).encode(), hashlib.sha256).hexdigest()
    check_signature("s", websocket_text(params), signature)


@pytest.mark.parametrize("key", [None, "", "short", "has a blank in it"])
def test_what_cannot_be_a_key_is_refused_by_its_form(key: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        check_key_form(key)
    assert (code_of(caught), caught.value.status) == (-2014, 401)


@pytest.mark.parametrize(
    ("stamp", "window", "refused"),
    [
        (10_000_000, None, False),
        (9_995_000, None, False),
        (9_994_999, None, True),
        (9_990_000, "10000", False),
        (9_989_999, "10000", True),
        (10_000_999, None, False),
        (10_001_000, None, True),
    ],
)
def test_a_request_is_good_from_its_window_before_to_a_second_after(
    stamp: int, window: str | None, refused: bool
) -> None:
    params = Params({"timestamp": str(stamp), **({"recvWindow": window} if window else {})})
    if not refused:
        check_age(params, 10_000_000)
        return
    with pytest.raises(ApiError) as caught:
        check_age(params, 10_000_000)
    assert code_of(caught) == -1021


def test_a_window_over_a_minute_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        check_age(Params({"timestamp": "10000000", "recvWindow": "60001"}), 10_000_000)
    assert code_of(caught) == -1131
