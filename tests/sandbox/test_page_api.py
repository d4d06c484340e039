"""The JSON addresses of the page, its live stream, its guards; restarts and the proxy."""

import asyncio
import base64
import json
import os
import sys
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.server import PortTaken, Sandbox
from tests.sandbox.conftest import OPERATOR, bot_of


async def events(response: aiohttp.ClientResponse, count: int) -> list[tuple[str, str, dict]]:
    """Read `count` events of a stream: kind, id, data."""
    found, fields = [], {}
    async with asyncio.timeout(5):
        async for raw in response.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                found.append((fields["event"], fields["id"], json.loads(fields["data"])))
                fields = {}
                if len(found) == count:
                    break
            else:
                fields = {}
    return found


async def test_send_press_messages_and_callback(box: Sandbox, http):
    sent = await (await http.post("sandbox/send", json={"text": "/status"})).json()
    assert sent["chat_id"] == OPERATOR
    assert sent["update_id"]
    async with bot_of(box) as bot:
        markup = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
        message = await bot.send_message(
            OPERATOR, "x", api_kwargs={"reply_markup": json.dumps(markup)}
        )
        press = {"chat_id": OPERATOR, "message_id": message.message_id, "label": "Go"}
        pressed = await (await http.post("sandbox/press", json=press)).json()
        query = pressed["callback_query_id"]
        assert not (await (await http.get(f"sandbox/callback?id={query}")).json())["answered"]
        await bot.answer_callback_query(query, "ok")
        assert (await (await http.get(f"sandbox/callback?id={query}")).json())["answer"][
            "text"
        ] == "ok"
    answer = await (await http.get(f"sandbox/messages?after={sent['message_id']}")).json()
    assert [item["text"] for item in answer["messages"]] == ["x"]


async def test_strangers_groups_dates_and_documents(box: Sandbox, http):
    stranger = {"text": "/start", "user": {"id": 666, "first_name": "Eve"}}
    assert (await (await http.post("sandbox/send", json=stranger)).json())["chat_id"] == 666
    group = {"text": "hi", "chat": {"id": -9, "title": "Desk", "type": "group"}, "date": 1}
    await http.post("sandbox/send", json=group)
    assert box.messages(-9)[0]["date"] == 1
    content = base64.b64encode(b"risk: 1").decode()
    document = {"text": "load", "document": {"name": "outcry.yaml", "content_base64": content}}
    await http.post("sandbox/send", json=document)
    [message] = box.messages()
    async with bot_of(box) as bot:
        file = await bot.get_file(message["document"]["file_id"])
        assert bytes(await file.download_as_bytearray()) == b"risk: 1"


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("send", {"text": "  "}, "an empty message cannot be sent"),
        ("send", {"text": "x", "kind": "odd"}, "unknown kind 'odd'; there are: message, edited"),
        ("send", {"text": "x", "kind": "edited"}, "there is no own message to edit"),
        ("send", {"text": "x", "user": 5}, "`user` must be an object"),
        ("send", {"text": "x", "reply_to": 5}, "there is no message 5 to reply to"),
        ("press", {"message_id": 1}, "say which button"),
        ("press", {"message_id": 1, "label": "x"}, "there is no message 1"),
        ("updates", {"count": 0}, "`count` must be from 1"),
        ("limits", {}, "`enabled` must be true or false"),
        ("clock", {"offset_s": "x"}, "`offset_s` must be a number"),
        ("send", [], "send a JSON object"),
    ],
)
async def test_wrong_input_is_explained(http, path: str, body, text: str):
    response = await http.post(f"sandbox/{path}", json=body)
    assert response.status == 400
    assert text in (await response.json())["error"]


async def test_the_stream_tells_what_happens_and_resumes(box: Sandbox, http):
    state = await (await http.get("sandbox/state")).json()
    async with http.get(f"sandbox/stream?after={state['last_event_id']}") as stream:
        assert stream.content_type == "text/event-stream"
        box.send_text("a")
        [(kind, event_id, data)] = await events(stream, 1)
    assert (kind, data["text"]) == ("message", "a")
    box.send_text("missed")
    async with http.get("sandbox/stream", headers={"Last-Event-ID": event_id}) as stream:
        [(kind, _, data)] = await events(stream, 1)
    assert (kind, data["text"]) == ("message", "missed")
    async with http.get("sandbox/stream", headers={"Last-Event-ID": "other-1"}) as stream:
        assert [event[0] for event in await events(stream, 1)] == ["resync"]


async def test_bulk_injection_reaches_the_stream_as_one_event(box: Sandbox, http):
    async with http.get("sandbox/stream") as stream:
        response = await http.post("sandbox/updates", json={"count": 10_000, "text": "/status"})
        assert (await response.json())["count"] == 10_000
        assert [event[0] for event in await events(stream, 1)] == ["resync"]


async def test_other_sites_and_rebound_names_are_kept_out(box: Sandbox, http):
    evil = {"Origin": "http://evil.example"}
    for path, body in [
        ("sandbox/send", {"text": "/kill"}),
        ("sandbox/crash", {}),
        ("ntfy", {"topic": "x"}),
    ]:
        assert (await http.post(path, json=body, headers=evil)).status == 403
    assert (
        await http.post(
            "sandbox/send", json={"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
    ).status == 403
    for path in ("", "sandbox/state", "healthz"):
        assert (await http.get(path, headers={"Host": "rebound.example"})).status == 403
    plain_text = {"Content-Type": "text/plain"}
    assert (await http.post("sandbox/send", data='{"text":"x"}', headers=plain_text)).status == 400
    same = {"Origin": box.page_url.rstrip("/")}
    assert (await http.post("sandbox/send", json={"text": "ok"}, headers=same)).status == 200
    assert [message["text"] for message in box.messages()] == ["ok"]


async def test_the_page_has_a_strict_policy_and_no_inline_code(http):
    response = await http.get("")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = await response.text()
    assert "<style" not in page
    assert " on" + "click=" not in page
    assert "http://" not in page
    assert "https://" not in page


async def test_reset_forgets_the_chat_but_not_the_secrets(box: Sandbox, http):
    box.send_text("x")
    box.faults.set("smtp", "down")
    await http.post("sandbox/reset")
    assert box.messages() == []
    assert box.world.updates.count() == 0
    assert not box.faults.is_on("smtp", "down")
    async with bot_of(box) as bot:
        assert await bot.send_message(OPERATOR, "still the same token")


async def test_a_restart_shows_the_same_chat_and_keeps_what_was_not_fetched(config: SandboxConfig):
    async with Sandbox(config) as box:
        token, password = box.token, box.smtp_password
        certificate = box.certificate.cert_file.read_bytes()
        async with bot_of(box) as bot:
            sent = await bot.send_message(OPERATOR, "card")
        waiting = box.send_text("/status").update_id
        async with aiohttp.ClientSession(box.page_url) as http:
            await http.post("ntfy", json={"topic": "risk", "message": "x"})
    async with Sandbox(config, clock=Clock(offset_s=60)) as box:
        assert (box.token, box.smtp_password) == (token, password)
        assert box.certificate.cert_file.read_bytes() == certificate
        assert [message["text"] for message in box.messages()] == ["card", "/status"]
        assert len(box.pushes()) == 1
        async with bot_of(box) as bot:
            [update] = await bot.get_updates()
            assert update.update_id == waiting
            await bot.edit_message_text("edited", OPERATOR, sent.message_id)
        assert box.send_text("next").update_id == waiting + 1
    async with Sandbox(replace(config, fresh=True)) as box:
        assert box.messages() == []
        assert box.token != token


async def test_a_configured_token_is_taken(config: SandboxConfig):
    async with Sandbox(replace(config, token="4242:SECRET")) as box:
        assert box.token == "4242:SECRET"
        assert box.world.bot["id"] == 4242


async def test_a_taken_port_says_what_to_do(box: Sandbox, tmp_path):
    config = SandboxConfig(state_dir=tmp_path / "b", port=box.addresses.http_port)
    with pytest.raises(PortTaken, match=r"port \d+ .* did not start\. Choose another port: PORT="):
        async with Sandbox(config):
            pass


async def test_the_services_own_addresses_are_passed_on(config: SandboxConfig):
    async def echo(request: web.Request) -> web.Response:
        auth = request.headers.get("Authorization", "")
        return web.json_response(
            {"path": request.path_qs, "auth": auth, "body": await request.text()}
        )

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await request.read()
        await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_get("/api/v1/stream", stream)
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with (
        Sandbox(replace(config, upstream=upstream)) as box,
        aiohttp.ClientSession(box.page_url) as http,
    ):
        response = await http.post(
            "api/v1/x?a=1", data="body", headers={"Authorization": "Bearer t"}
        )
        assert await response.json() == {
            "path": "/api/v1/x?a=1",
            "auth": "Bearer t",
            "body": "body",
        }
        assert (await http.get("healthz")).status == 200
        async with http.get("api/v1/stream") as live:
            assert await live.content.readline() == b"data: 1\n"
        await runner.cleanup()
        response = await http.get("healthz")
        assert response.status == 503
        assert (await response.json())["status"] == "down"


async def test_without_a_service_health_is_down(http):
    response = await http.get("healthz")
    assert (response.status, (await response.json())["status"]) == (503, "down")


async def test_crash_kills_the_process_in_the_pid_file(config: SandboxConfig, tmp_path):
    pid_file = tmp_path / "service.pid"
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", "input()")
    victim = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe)
    try:
        async with (
            Sandbox(replace(config, service_pid_file=pid_file)) as box,
            aiohttp.ClientSession(box.page_url) as http,
        ):
            response = await http.post("sandbox/crash")
            assert response.status == 409
            assert "has not written its process id yet" in (await response.json())["error"]
            pid_file.write_text(str(os.getpid()))
            assert (await http.post("sandbox/crash")).status == 409
            pid_file.write_text(f"{victim.pid}\n")
            response = await http.post("sandbox/crash")
            assert await response.json() == {"killed_pid": victim.pid}
            assert await victim.wait() == -9
            assert box.world.presence.to_json()["killed_pid"] == victim.pid
            assert "is not running" in (await (await http.post("sandbox/crash")).json())["error"]
            async with bot_of(box) as bot:
                await bot.get_updates()
            assert box.world.presence.to_json()["killed_pid"] is None
    finally:
        victim.stdin.close()
        await victim.communicate()


async def test_a_killed_client_does_not_look_alive(box: Sandbox):
    async with bot_of(box) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=40))
        await box.wait_for(lambda: box.world.updates.is_polled)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)
    await box.wait_for(lambda: not box.world.presence.is_here, timeout=20)
    assert not box.world.updates.is_polled
