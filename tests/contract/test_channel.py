"""What every `Channel` must do; a new one is one more entry of `tests.fakes.wires.WIRES`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain.messages import Severity
from engine.errors import DeliveryDelayed, DeliveryRefused
from notifiers.routing import severity_of
from sandbox.config import SandboxConfig
from sandbox.server import Sandbox
from tests.fakes.events import a_failure, a_fill, every_event
from tests.fakes.wires import PUSH_TOKEN, WIRES, Wire

# The sandbox's push server has no switch for these two: integration/notifiers/test_ntfy.py.
WITH_SWITCHES = ["telegram", "email"]
LINES = [f"line {number:03d} of the traceback: <tag> & 'quote' €" for number in range(200)]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    config = SandboxConfig(state_dir=tmp_path / "state", limits=False, ntfy_token=PUSH_TOKEN)
    async with Sandbox(config) as running:
        yield running


@pytest.fixture(params=WIRES)
async def wire(request: pytest.FixtureRequest, box: Sandbox) -> AsyncIterator[Wire]:
    async with WIRES[request.param](box) as connected:
        yield connected


async def send(wire: Wire, body: str, *, repeat: bool = False, late: float | None = None) -> str:
    (recipient, *_) = wire.channel.recipients()
    return await wire.channel.send(
        recipient, body, key="ev|channel|who|0", repeat=repeat, late_seconds=late
    )


def a_body(wire: Wire) -> str:
    return wire.channel.compose(a_fill(), Severity.INFO)[0]


async def test_it_has_a_name_and_somebody_to_tell(wire: Wire) -> None:
    assert wire.channel.name
    assert wire.channel.recipients()
    assert all(isinstance(recipient, str) for recipient in wire.channel.recipients())


@pytest.mark.parametrize("name", every_event())
async def test_every_event_is_composed_the_same_way_twice_and_arrives(
    wire: Wire, name: str
) -> None:
    event = every_event()[name]
    bodies = wire.channel.compose(event, severity_of(event))
    assert bodies
    assert bodies == wire.channel.compose(event, severity_of(event))
    for body in bodies:
        json.loads(body)
        assert await send(wire, body)
    assert len(wire.texts()) == len(bodies)


async def test_a_text_of_200_lines_arrives_complete_and_in_order(wire: Wire) -> None:
    event = a_failure(message="\n".join(LINES))
    for body in wire.channel.compose(event, Severity.WARNING):
        await send(wire, body, repeat=True, late=725.0)
    arrived = "\n".join(wire.texts())
    places = [arrived.find(line) for line in LINES]
    assert -1 not in places
    assert places == sorted(places)


async def test_marks_of_a_late_repeat_are_seen(wire: Wire) -> None:
    await send(wire, a_body(wire))
    await send(wire, a_body(wire), repeat=True, late=725.0)
    plain, marked = wire.texts()
    assert "late" not in plain
    assert "repeat" not in plain
    assert "sent 12 min late · possible repeat #" in marked


async def test_a_server_that_is_down_delays_and_the_channel_recovers(
    wire: Wire, box: Sandbox
) -> None:
    box.faults.replace(wire.down)
    for _ in range(2):
        with pytest.raises(DeliveryDelayed) as raised:
            await send(wire, a_body(wire))
        assert not [secret for secret in wire.secrets if secret in str(raised.value)]
    box.faults.clear()
    await send(wire, a_body(wire))
    assert len(wire.texts()) == 1


async def test_a_refusal_for_now_delays(wire: Wire, box: Sandbox) -> None:
    box.faults.replace(wire.later)
    with pytest.raises(DeliveryDelayed) as raised:
        await send(wire, a_body(wire))
    assert not raised.value.may_have_arrived
    assert wire.texts() == []


@pytest.mark.parametrize("wire", WITH_SWITCHES, indirect=True)
async def test_a_refusal_for_good_is_final(wire: Wire, box: Sandbox) -> None:
    box.faults.replace(wire.never)
    with pytest.raises(DeliveryRefused):
        await send(wire, a_body(wire))
    assert wire.texts() == []


@pytest.mark.parametrize("wire", WITH_SWITCHES, indirect=True)
async def test_a_lost_answer_says_that_the_message_may_have_arrived(
    wire: Wire, box: Sandbox
) -> None:
    box.faults.replace(wire.lost)
    with pytest.raises(DeliveryDelayed) as raised:
        await send(wire, a_body(wire))
    assert raised.value.may_have_arrived
    assert len(wire.texts()) == 1


async def test_closing_twice_is_harmless(wire: Wire) -> None:
    await send(wire, a_body(wire))
    await wire.channel.close()
    await wire.channel.close()


async def test_settings_do_not_show_their_secrets(wire: Wire) -> None:
    shown = repr(wire.settings)
    assert not [secret for secret in wire.secrets if secret in shown]
