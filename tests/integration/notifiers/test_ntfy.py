"""Push notes on the wire: what the sandbox has no switch for, from a small server of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from engine.domain.messages import Severity
from engine.errors import DeliveryDelayed, DeliveryRefused
from notifiers.channels.ntfy import MESSAGE_LIMIT, NtfyChannel, NtfySettings
from sandbox.certificate import ensure_certificate
from tests.fakes.events import a_breach, a_failure, a_fill

TOPIC, TOKEN = "canary-topic", "tk_canary"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", answer)
    app.router.add_post("/elsewhere", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def publish(url: str, *, timeout: float = 5.0) -> str:  # noqa: ASYNC109
    settings = NtfySettings(
        base_url=url,
        topic=TOPIC,
        token=TOKEN,
        click_url="https://example.org/",
        timeout_seconds=timeout,
    )
    channel = NtfyChannel(settings)
    try:
        (body,) = channel.compose(a_fill(), Severity.INFO)
        return await channel.send("phone", body, key="k", repeat=False, late_seconds=None)
    finally:
        await channel.close()


def answering(status: int, text: str = "", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return answer


async def test_what_is_published() -> None:
    seen: list[tuple[dict[str, object], str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((json.loads(await request.text()), request.headers["Authorization"]))
        return web.json_response({"id": "note1", "event": "message"})

    async with serving(answer) as url:
        assert await publish(url) == "note1"
        await publish(url)
    (note, authorization), (again, _) = seen
    assert authorization == f"Bearer {TOKEN}"
    assert note["topic"] == TOPIC
    assert note["title"] == "REPLAY · Bought 0.5 AAPL @ 201.32"
    assert note["priority"] == 2
    assert note["click"] == "https://example.org/"
    assert again["sequence_id"] == note["sequence_id"]  # a repeat takes the place of the first


@pytest.mark.parametrize(
    ("severity", "priority", "tags"),
    [
        (Severity.INFO, 2, None),
        (Severity.NOTICE, 3, None),
        (Severity.WARNING, 4, ["warning"]),
        (Severity.CRITICAL, 5, ["rotating_light"]),
    ],
)
def test_priority_follows_severity(
    severity: Severity, priority: int, tags: list[str] | None
) -> None:
    channel = NtfyChannel(NtfySettings(base_url="http://127.0.0.1:9", topic=TOPIC))
    (body,) = channel.compose(a_breach(), severity)
    note = json.loads(body)
    assert (note["priority"], note.get("tags")) == (priority, tags)


def test_a_long_note_is_split_by_bytes_with_room_for_a_mark() -> None:
    channel = NtfyChannel(NtfySettings(base_url="http://127.0.0.1:9", topic=TOPIC))
    bodies = channel.compose(a_failure(message="€ " * 5000), Severity.WARNING)
    notes = [json.loads(body) for body in bodies]
    assert len(notes) > 3
    assert all(len(note["message"].encode()) <= MESSAGE_LIMIT - 128 for note in notes)
    assert "".join(note["message"] for note in notes).count("€") == 5000
    assert notes[0]["title"].endswith(f"(1/{len(notes)})")


def test_a_title_too_long_for_the_server_stands_whole_in_the_text() -> None:
    name = "x" * 400
    channel = NtfyChannel(NtfySettings(base_url="http://127.0.0.1:9", topic=TOPIC))
    note = json.loads(channel.compose(a_failure(run_name=name), Severity.WARNING)[0])
    assert len(note["title"]) == 250
    assert name in note["message"]


async def test_429_delays_for_as_long_as_the_server_says() -> None:
    async with serving(answering(429, '{"error":"limit reached"}', **{"Retry-After": "17"})) as url:
        with pytest.raises(DeliveryDelayed, match="429: limit reached") as raised:
            await publish(url)
    assert raised.value.retry_after == 17
    assert not raised.value.may_have_arrived


async def test_429_without_seconds_leaves_the_wait_to_the_back_off() -> None:
    later = "Wed, 21 Oct 2026 07:28:00 GMT"
    async with serving(answering(429, **{"Retry-After": later})) as url:
        with pytest.raises(DeliveryDelayed) as raised:
            await publish(url)
    assert raised.value.retry_after is None


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_the_servers_own_errors_delay(status: int) -> None:
    async with serving(answering(status, "<html>oops")) as url:
        with pytest.raises(DeliveryDelayed, match=f"{status}: no reason given"):
            await publish(url)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_token_or_topic_disables_the_recipient(status: int) -> None:
    async with serving(answering(status, '{"error":"unauthorized"}')) as url:
        with pytest.raises(DeliveryRefused, match=r"Check push\.server") as raised:
            await publish(url)
    assert raised.value.disable


async def test_another_refusal_is_of_this_note_alone() -> None:
    async with serving(answering(413, '{"error":"too large"}')) as url:
        with pytest.raises(DeliveryRefused, match="413: too large") as raised:
            await publish(url)
    assert not raised.value.disable


async def test_the_token_does_not_follow_a_redirect() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with serving(answer) as url:
        with pytest.raises(DeliveryRefused, match="307"):
            await publish(url)
    assert asked == ["/"]


async def test_an_answer_that_does_not_come_may_hide_a_note_that_did() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.Event().wait()
        return web.Response()

    async with serving(answer) as url:
        with pytest.raises(DeliveryDelayed) as raised:
            await publish(url, timeout=0.2)
    assert raised.value.may_have_arrived


async def test_nobody_listening_is_a_delay_in_which_nothing_arrived() -> None:
    async with serving(answering(200)) as url:
        pass
    with pytest.raises(DeliveryDelayed, match="can't be reached") as raised:
        await publish(url)
    assert not raised.value.may_have_arrived
    assert TOPIC not in str(raised.value)


async def test_an_address_that_is_none_is_refused_with_the_setting_to_correct() -> None:
    with pytest.raises(DeliveryRefused, match=r"correct push\.server") as raised:
        await publish("not an address")
    assert raised.value.disable


async def test_a_certificate_that_is_not_trusted_is_refused_at_once(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, ("127.0.0.1",))
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        context = certificate.server_context()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        with pytest.raises(DeliveryRefused, match="certificate is not trusted") as raised:
            await publish(f"https://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
    assert raised.value.disable
