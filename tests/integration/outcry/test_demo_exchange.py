"""The demo on the scripted exchange, with its real processes: trades, a crash, an outage."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.outcry.processes import Running, get_json, post_json, running
from tests.integration.outcry.test_demo import free_port, health

WITHIN = 90.0


@dataclass(frozen=True)
class Rehearsal:
    """A running demo and what a person sees of it."""

    demo: Running
    port: int
    data_dir: Path

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def messages(self, after: int = 0) -> list[tuple[int, str]]:
        found = get_json(f"{self.page}/sandbox/messages")["messages"]
        assert isinstance(found, list)
        told = [item for item in found if item["sandbox"].get("from_bot")]
        return [
            (item["message_id"], item.get("text", ""))
            for item in told
            if item["message_id"] > after
        ]

    def until(self, *texts: str, after: int = 0) -> tuple[int, str]:
        """Wait for a message of the bot that holds all `texts`; return its id and text."""
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            for number, text in self.messages(after):
                if all(part in text for part in texts):
                    return number, text
        raise AssertionError(f"no message with {texts}; there are {self.messages(after)}")

    def say(self, text: str) -> int:
        """Write to the bot; return the number of the last message before the answer."""
        last = self.last()
        post_json(f"{self.page}/sandbox/send", {"text": text})
        return last

    def last(self) -> int:
        """Number of the bot's last message."""
        return max((number for number, _ in self.messages()), default=0)

    def panel(self) -> dict[str, object]:
        """What the page shows of the exchange."""
        return get_json(f"{self.page}/exchange/control/panel")

    def fills(self) -> int:
        """How many executions the exchange has."""
        fills = self.panel()["fills"]
        assert isinstance(fills, list)
        return len(fills)

    def service_pid(self) -> int:
        [folder] = self.data_dir.glob("exchange*/service.pid")
        return int(folder.read_text())

    def outage(self, name: str, *, on: bool) -> None:
        post_json(f"{self.page}/exchange/control/presets/{name}", {"on": on})

    def venue(self) -> Mapping[str, object]:
        """What the service knows of the exchange."""
        [venue] = health(self.port)["venues"]
        assert isinstance(venue, dict)
        return venue

    def until_venue(self, what: str, value: object) -> None:
        deadline = time.monotonic() + WITHIN
        while (seen := self.venue())[what] != value:
            assert time.monotonic() < deadline, seen


@contextmanager
def rehearsal(data_dir: Path, market: str) -> Iterator[Rehearsal]:
    port = free_port()
    arguments = ("demo", "--sandbox-exchange", market, "--port", str(port))
    with running(*arguments, data_dir=data_dir) as demo:
        demo.until("ready: open")
        yield Rehearsal(demo, port, data_dir)


@pytest.fixture(scope="module")
def spot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """One for the module: every test ends the outage that it began."""
    with rehearsal(tmp_path_factory.mktemp("spot"), "spot") as running_one:
        yield running_one


def test_it_trades_soon_and_recovers_from_a_crash(spot: Rehearsal) -> None:
    assert health(spot.port)["mode"] == "testnet"
    spot.until("Bought")
    before, first = spot.fills(), spot.service_pid()
    assert before > 0

    last = spot.last()
    post_json(f"{spot.page}/sandbox/crash", {})
    spot.demo.until("the service ended (killed by SIGKILL); starting it again")
    spot.demo.until("running again")
    assert spot.service_pid() != first
    spot.until("restarted after a crash, reconciled with the venue", after=last)
    assert spot.fills() >= before  # the exchange went on meanwhile
    assert spot.venue()["reconciliation"]["differences"] == []


def test_an_unreachable_exchange_shows_and_heals_by_itself(spot: Rehearsal) -> None:
    spot.outage("unreachable", on=True)
    spot.until_venue("connected", False)
    spot.until("NOT CONNECTED", after=spot.say("/venues"))
    spot.outage("unreachable", on=False)
    spot.until_venue("connected", True)
    spot.until("In line with the venue", after=spot.say("/reconcile"))


def test_an_order_whose_answer_is_lost_is_found_and_never_placed_twice(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "spot") as spot:
        spot.outage("answers_lost", on=True)
        spot.until("Bought")  # told although nobody answered
        log = spot.panel()["log"]
        assert any(line["note"].endswith("lose_reply on submit") for line in log)
        spot.outage("answers_lost", on=False)
        spot.until_venue("orders_in_doubt", 0)
        record = spot.panel()["record"]
        assert record["accepted"] > 0
        assert record["twice"] == 0


def test_a_manual_trade_is_asked_about_and_a_new_start_is_a_new_exchange(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "linear") as first:
        assert first.venue()["reconciliation"]["result"] == "all agrees"
        trade = {"do": "manual_trade", "account": "main", "side": "buy", "quantity": "0.01"}
        post_json(f"{first.page}/exchange/control/act", {**trade, "symbol": "BTCUSDT-PERP"})
        first.until("Differs from the venue")
        assert first.fills() == 1
    with rehearsal(tmp_path, "linear") as second:
        assert second.fills() == 0
        second.until("Found no position and no order")
