"""The ntfy endpoint."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from sandbox.config import SandboxConfig
from sandbox.server import Sandbox


async def publish(http, **note):
    return await http.post("ntfy", json={"topic": "risk", **note})


async def test_json_to_the_base_address_is_published(box: Sandbox, http):
    response = await publish(
        http,
        message="Drawdown",
        title="Risk",
        tags=["warning"],
        priority=5,
        sequence_id="a1",
        actions=[{"action": "view", "label": "Open", "url": "http://127.0.0.1/"}],
    )
    note = await response.json()
    assert response.status == 200
    assert set(note) >= {"id", "time", "expires", "event", "topic", "message", "priority"}
    assert (note["event"], note["sequence_id"], note["priority"]) == ("message", "a1", 5)
    assert box.pushes() == [note]


async def test_a_body_with_headers_is_published_to_a_topic(box: Sandbox, http):
    headers = {
        "Title": "Hi",
        "X-Priority": "high",
        "Tags": "zap, x",
        "Actions": "http, Ack, http://127.0.0.1/a, method=POST, clear=true",
    }
    response = await http.post("ntfy/risk", data="text", headers=headers)
    note = await response.json()
    assert (note["message"], note["title"], note["priority"], note["tags"]) == (
        "text",
        "Hi",
        4,
        ["zap", "x"],
    )
    assert note["actions"][0] | {"id": ""} == {
        "action": "http",
        "label": "Ack",
        "url": "http://127.0.0.1/a",
        "method": "POST",
        "clear": True,
        "id": "",
    }


async def test_polling_a_topic_returns_a_line_a_note(box: Sandbox, http):
    await publish(http, message="one")
    await http.post("ntfy/other", data="two")
    text = await (await http.get("ntfy/risk/json?poll=1")).text()
    assert [line["message"] for line in box.pushes("risk")] == ["one"]
    assert text.count("\n") == 1
    assert '"message":"one"' in text


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ({"priority": 9}, 40007),
        ({"actions": [{"action": "view", "label": "x", "url": "u"}] * 4}, 40018),
        ({"actions": [{"action": "dance", "label": "x"}]}, 40018),
        ({"topic": "no spaces"}, 40009),
        ({"message": "x" * 4097}, 40014),
    ],
)
async def test_wrong_notes_are_refused_with_ntfys_code(box: Sandbox, http, note: dict, code: int):
    response = await publish(http, **note)
    body = await response.json()
    assert (body["code"], body["http"], response.status) == (code, 400, 400)
    assert set(body) == {"code", "http", "error", "link"}
    assert box.pushes() == []


async def test_faults(box: Sandbox, http):
    box.faults.set("ntfy", "error_500", {"next": 1})
    assert (await publish(http, message="x")).status == 500
    box.faults.set("ntfy", "flood_429", {"next": 1})
    response = await publish(http, message="x")
    assert (await response.json())["code"] == 42901
    box.faults.set("ntfy", "down", {"next": 1})
    with pytest.raises(aiohttp.ClientConnectionError):
        await publish(http, message="x")
    assert box.pushes() == []
    assert (await publish(http, message="x")).status == 200


async def test_a_token_is_required_when_one_is_set(tmp_path):
    config = SandboxConfig(state_dir=tmp_path, ntfy_token="tk_secret")
    async with Sandbox(config) as box, aiohttp.ClientSession(box.page_url) as http:
        assert (await (await publish(http, message="x")).json())["code"] == 40101
        headers = {"Authorization": "Bearer tk_secret"}
        response = await http.post("ntfy", json={"topic": "risk", "message": "x"}, headers=headers)
        assert response.status == 200


async def test_sixty_at_once_and_then_one_every_five_seconds(tmp_path):
    async with (
        Sandbox(SandboxConfig(state_dir=tmp_path)) as box,
        aiohttp.ClientSession(box.page_url) as http,
    ):
        for _ in range(60):
            assert (await publish(http, message="x")).status == 200
        assert (await publish(http, message="x")).status == 429
        box.clock.advance(5)
        assert (await publish(http, message="x")).status == 200


async def test_the_acknowledge_button_really_sends_its_request(box: Sandbox, http):
    taken: asyncio.Queue[str] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put(await request.text())
        return web.Response()

    app = web.Application()
    app.router.add_post("/ack", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ack"
    action = {"action": "http", "label": "Ack", "url": url, "body": "7F3", "clear": True}
    note = await (await publish(http, message="x", actions=[action])).json()
    response = await http.post(f"sandbox/pushes/{note['id']}/actions/0")
    assert (await response.json(), await taken.get()) == ({"status": 200}, "7F3")
    assert box.pushes()[-1]["event"] == "message_clear"
    await runner.cleanup()
    response = await http.post(f"sandbox/pushes/{note['id']}/actions/0")
    assert response.status == 502
    assert "Nothing was acknowledged" in (await response.json())["error"]


async def test_clear_and_delete_refer_to_the_sequence(box: Sandbox, http):
    await publish(http, message="x", sequence_id="s")
    await http.put("ntfy/risk/s/clear")
    await http.delete("ntfy/risk/s")
    assert [note["event"] for note in box.pushes()] == [
        "message",
        "message_clear",
        "message_delete",
    ]
