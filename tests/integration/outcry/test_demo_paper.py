"""The demo on paper: public prices without a key, here those of the scripted exchange."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.outcry.processes import get_json, outcry, running
from tests.integration.outcry.test_demo import free_port, health, until_message

NOWHERE = json.dumps({"rest": "http://127.0.0.1:9/{host}", "ws": "ws://127.0.0.1:9/{host}"})


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[str]:
    """Addresses of an exchange, as venue.urls has them."""
    sandbox = ("--port", "0", "--state-dir", str(tmp_path / "outside"), "--exchange", "spot")
    with running(*sandbox, module="sandbox", data_dir=tmp_path) as outside:
        said = json.loads(outside.until("bot_api"))["exchange"]
        yield json.dumps({"rest": said["rest"], "ws": said["ws"]})


def test_it_trades_public_prices_with_a_run_for_each_symbol(tmp_path: Path, urls: str) -> None:
    port = free_port()
    arguments = ("demo", "--paper", "binance", "BTC/USDT", "ETH/USDT", "--port", str(port))
    with running(*arguments, data_dir=tmp_path, more={"OUTCRY_VENUE__URLS": urls}) as demo:
        ready = demo.until("ready: open")
        assert "live prices of binance for BTC/USDT, ETH/USDT, simulated fills, no key" in ready
        assert health(port)["mode"] == "paper"
        assert "speed" not in health(port)  # only recorded prices have one
        deadline = time.monotonic() + 30
        while not (seen := health(port)["venues"])[0]["connected"]:
            assert time.monotonic() < deadline, seen
        told = until_message(f"http://127.0.0.1:{port}", "started, reconciled")
        assert "btc: running, eth: running" in told
        assert get_json(f"http://127.0.0.1:{port}/sandbox/state")["exchange"] is None


def test_a_symbol_that_is_not_listed_ends_it_with_one_line(tmp_path: Path, urls: str) -> None:
    arguments = ("demo", "--paper", "binance", "NOSUCH/USDT", "--port", str(free_port()))
    done = outcry(*arguments, data_dir=tmp_path, more={"OUTCRY_VENUE__URLS": urls})
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "the service can't start: runs.symbols: binance lists no spot market NOSUCH" in line


def test_without_a_network_it_says_so_once_and_goes_on_trying(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("demo", "--paper", "binance", "BTC/USDT", "--port", str(port))
    with running(*arguments, data_dir=tmp_path, more={"OUTCRY_VENUE__URLS": NOWHERE}) as demo:
        assert f"http://127.0.0.1:{port}" in demo.until("it is tried again and again")
        assert "binance: its market list can't be fetched" in demo.lines[0]
        log = tmp_path / "paper-binance" / "service.log"
        while log.read_text().count("outcry: binance") < 3:  # it went on
            assert demo.process.poll() is None
        demo.process.terminate()
        assert demo.process.wait(20) == 0
        rest = demo.process.stdout.read().decode() if demo.process.stdout else ""
        assert "the service ended" not in rest


def test_an_exchange_that_does_not_exist_ends_it_with_one_line(tmp_path: Path) -> None:
    arguments = ("demo", "--paper", "nosuchplace", "BTC/USDT", "--port", str(free_port()))
    done = outcry(*arguments, data_dir=tmp_path)
    assert done.returncode == 2
    assert "nosuchplace" in done.stderr
    assert "Traceback" not in done.stderr
