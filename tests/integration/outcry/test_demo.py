"""The demo's supervisor with its real children: start, crash, stop, start again."""

import json
import os
import signal
import socket
import time
from pathlib import Path

from tests.integration.outcry.processes import get_json, outcry, post_json, running

OUTCRY_PID = "service.pid"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def health(port: int) -> dict[str, object]:
    return get_json(f"http://127.0.0.1:{port}/healthz")


def until_message(page: str, text: str) -> str:
    """Ask the page for its chat until a message holds `text`."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for message in get_json(f"{page}/sandbox/messages")["messages"]:
            if text in message.get("text", ""):
                return str(message["text"])
    raise AssertionError(f"no message with {text!r}")


def service_pid(data_dir: Path) -> int:
    return int((data_dir / "demo" / OUTCRY_PID).read_text())


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_it_starts_survives_a_crash_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    with running("demo", "--port", str(port), data_dir=tmp_path) as demo:
        assert page in demo.until("ready: open")
        assert resident_mb(demo.process.pid) < 30
        assert get_json(f"{page}/healthz")["status"] == "ok"
        first = service_pid(tmp_path)

        post_json(f"{page}/sandbox/crash", {})
        demo.until("the service ended (killed by SIGKILL); starting it again")
        demo.until("running again")
        second = service_pid(tmp_path)
        assert second != first
        assert get_json(f"{page}/healthz")["mode"] == "replay"
        moment = get_json(f"{page}/healthz")["market_time"]

        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(30) == 0
        assert not is_alive(second)

    with running("demo", "--port", str(port), data_dir=tmp_path) as again:
        again.until("ready: open")
        resumed = get_json(f"{page}/healthz")["market_time"]
        assert str(resumed) >= str(moment)
        again.process.terminate()
        assert again.process.wait(30) == 0

    with running("demo", "--fresh", "--speed", "1", "--port", str(port), data_dir=tmp_path) as new:
        new.until("ready: open")
        assert str(get_json(f"{page}/healthz")["market_time"]) < str(moment)


def test_the_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with running("demo", "--port", str(free_port()), data_dir=tmp_path) as demo:
        demo.until("ready: open")
        pid = service_pid(tmp_path)
        demo.process.kill()
        demo.process.wait(20)
        # the lock falls with the service: a new demo gets it once the old one is gone
        with running("demo", "--port", str(free_port()), data_dir=tmp_path) as new:
            new.until("ready: open")
            assert service_pid(tmp_path) != pid


def test_a_port_that_is_taken_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = outcry("demo", "--port", str(port), data_dir=tmp_path)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_second_demo_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with running("demo", "--port", str(free_port()), data_dir=tmp_path) as demo:
        demo.until("ready: open")
        second = outcry("demo", "--port", str(free_port()), data_dir=tmp_path)
        assert second.returncode == 1
        assert "is running on" in second.stderr
        third = outcry("demo", "--fresh", "--port", str(free_port()), data_dir=tmp_path)
        assert third.returncode == 1
        assert is_alive(service_pid(tmp_path))


def test_fresh_removes_nothing_that_the_demo_did_not_make(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    done = outcry("demo", "--fresh", "--port", str(free_port()), data_dir=tmp_path)
    assert done.returncode == 1
    assert "nothing was removed" in done.stderr
    assert mine.read_text() == "precious"


def test_a_kill_without_settings_halts_the_demo_too(tmp_path: Path) -> None:
    port = free_port()
    with running("demo", "--port", str(port), data_dir=tmp_path) as demo:
        demo.until("ready: open")
        done = outcry("kill", "--reason", "fire", data_dir=tmp_path)
        assert done.returncode == 0
        assert f"its service {service_pid(tmp_path)} halts as well" in done.stdout
        deadline = time.monotonic() + 30
        while (state := health(port)["trading_state"]) != "halted":
            assert time.monotonic() < deadline, state


def test_settings_that_are_wrong_end_it_with_their_line(tmp_path: Path) -> None:
    more = {"OUTCRY_RISK__MAX_DAILY_LOS": "0.1"}
    done = outcry("demo", "--port", str(free_port()), data_dir=tmp_path, more=more)
    assert done.returncode == 2
    assert "did you mean risk.max_daily_loss?" in done.stderr


def test_a_speed_that_is_none_is_refused(tmp_path: Path) -> None:
    done = outcry("demo", "--speed", "fast", data_dir=tmp_path)
    assert done.returncode == 2
    assert "--speed fast" in done.stderr


def test_with_a_token_it_talks_to_that_bot_and_a_stranger_learns_his_id(tmp_path: Path) -> None:
    token = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"
    sandbox = ("--port", "0", "--state-dir", str(tmp_path / "elsewhere"), "--token", token)
    with running(*sandbox, module="sandbox", data_dir=tmp_path) as elsewhere:
        said = json.loads(elsewhere.until("bot_api"))
        more = {"TELEGRAM_TOKEN": token, "OUTCRY_TELEGRAM__BASE_URL": said["bot_api"]}
        with running("demo", "--port", str(free_port()), data_dir=tmp_path, more=more) as demo:
            demo.until("nobody may command the bot yet")
            demo.until("ready: open")
            page = said["page"].rstrip("/")
            post_json(f"{page}/sandbox/send", {"text": "/status"})
            assert "1001" in until_message(page, "Your id is")
    log = (tmp_path / "demo" / "service.log").read_text()
    assert token not in log
