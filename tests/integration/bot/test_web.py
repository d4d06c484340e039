"""/healthz, /metrics and the status page over real HTTP."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from bot.web.service import WebService, WebSettings
from engine.domain.queries import GetHealth, GetStatus, GetVenues
from engine.domain.views import ComponentHealth, ComponentState
from engine.errors import ConfigError, QueryTimedOut
from tests.fakes import views
from tests.fakes.answering import AnsweringEngine

SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.]+\Z')


@asynccontextmanager
async def serving(engine: AnsweringEngine) -> AsyncIterator[str]:
    service = WebService(WebSettings(port=0), bus=engine.bus, facts=lambda: {"speed": "600"})
    task = asyncio.get_running_loop().create_task(service.run())
    try:
        yield f"http://127.0.0.1:{await service.listening()}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def health(engine: AnsweringEngine) -> tuple[int, dict[str, Any]]:
    async with serving(engine) as base:
        code, text = await get(f"{base}/healthz")
    return code, json.loads(text)


async def test_health_says_mode_time_and_speed() -> None:
    code, document = await health(AnsweringEngine())
    assert code == 200
    assert document["status"] == "degraded"  # the mail is down, trading is not
    assert document["mode"] == "replay"
    assert document["market_time"] == "2026-03-10T15:05:00+00:00"
    assert document["speed"] == "600"
    assert document["components"]["mail"]["state"] == "down"


async def test_an_engine_that_is_down_is_a_503() -> None:
    engine = AnsweringEngine()
    down = (ComponentHealth(name="engine", state=ComponentState.DOWN, detail="reconciling"),)
    engine.answers[GetHealth] = lambda _: views.health(components=down)
    code, document = await health(engine)
    assert (code, document["status"]) == (503, "down")


async def test_an_engine_that_does_not_answer_is_a_503() -> None:
    def silent(_: object) -> object:
        raise QueryTimedOut("no answer to GetHealth in 3 s")

    engine = AnsweringEngine()
    engine.answers[GetHealth] = silent
    code, document = await health(engine)
    assert (code, document["status"]) == (503, "down")
    async with serving(engine) as base:
        code, text = await get(f"{base}/metrics")
    assert code == 503
    assert "outcry_up 0" in text


async def test_health_tells_of_the_venue_and_what_is_not_known_of_it_is_null() -> None:
    _, document = await health(AnsweringEngine())
    [venue] = document["venues"]
    assert (venue["name"], venue["connected"], venue["latency_ms"]) == ("replay", True, None)
    assert document["components"]["venue replay"]["state"] == "ok"


async def test_a_venue_without_connection_and_with_a_difference_is_told_and_still_serves() -> None:
    engine = AnsweringEngine()
    lost = views.venue(views.difference(), connected=False)
    engine.answers[GetVenues] = lambda _: views.venues(lost)
    code, document = await health(engine)
    assert (code, document["status"]) == (200, "degraded")
    assert document["components"]["venue binance"]["state"] == "down"
    [found] = document["venues"][0]["reconciliation"]["differences"]
    assert (found["ours"], found["venue"], found["unit"]) == ("0.0421", "0.2421", "BTC")


async def test_metrics_leave_out_what_is_not_known_of_a_venue() -> None:
    engine = AnsweringEngine()
    async with serving(engine) as base:
        _, recorded = await get(f"{base}/metrics")
        engine.answers[GetVenues] = lambda _: views.venues(views.venue(views.difference()))
        _, live = await get(f"{base}/metrics")
    assert 'outcry_venue_connected{venue="replay"} 1' in recorded
    assert "outcry_venue_latency_milliseconds" not in recorded
    assert 'outcry_venue_latency_milliseconds{venue="binance"} 84.4' in live
    assert 'outcry_venue_clock_skew_milliseconds{venue="binance"} -12' in live
    assert 'outcry_venue_open_differences{venue="binance"} 1' in live
    assert all(SAMPLE.match(line) for line in live.splitlines() if not line.startswith("#"))


async def test_metrics_are_in_prometheus_form() -> None:
    async with serving(AnsweringEngine()) as base:
        code, text = await get(f"{base}/metrics")
    assert code == 200
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.match(line)] == []
    assert 'outcry_equity{asset="USDT"} 10284.2' in samples
    assert 'outcry_run_state{run="ema-btc",state="running"} 1' in samples
    assert "outcry_open_positions 2" in samples
    assert 'outcry_component_up{component="mail"} 0' in samples
    assert len(samples) == len(set(samples))


async def test_a_figure_that_is_not_known_is_left_out_of_the_metrics() -> None:
    engine = AnsweringEngine()
    engine.answers[GetStatus] = lambda _: views.status(equity=None, drawdown=Decimal(0))
    async with serving(engine) as base:
        _, text = await get(f"{base}/metrics")
    assert "outcry_equity" not in text
    assert "outcry_drawdown_fraction 0" in text


async def test_the_page_stands_alone() -> None:
    async with serving(AnsweringEngine()) as base:
        code, page = await get(f"{base}/")
        _, script = await get(f"{base}/status.js")
    assert code == 200
    assert "Outcry" in page
    assert "http://" not in page + script
    assert "https://" not in page + script


async def test_another_name_for_the_loopback_address_is_refused() -> None:
    async with serving(AnsweringEngine()) as base:
        code, _ = await get(f"{base}/healthz", Host="evil.example")
    assert code == 403


async def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = WebService(WebSettings(port=port), bus=AnsweringEngine().bus)
        with pytest.raises(ConfigError, match=f"port {port}.*OUTCRY_WEB__PORT"):
            await service.run()
