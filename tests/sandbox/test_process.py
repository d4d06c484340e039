"""`python -m sandbox` as other processes see it."""

import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path

import aiohttp


async def start(state_dir: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        "--port",
        "0",
        "--state-dir",
        str(state_dir),
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def announcement(process: asyncio.subprocess.Process) -> dict:
    async with asyncio.timeout(30):
        return json.loads(await process.stdout.readline())


async def test_it_prints_one_line_and_ends_on_sigterm(tmp_path):
    process = await start(tmp_path, "--token", "4242:SECRET")
    told = await announcement(process)
    assert list(told) == [
        "page",
        "bot_api",
        "bot_files",
        "token",
        "operator_id",
        "smtp_host",
        "smtp_port",
        "smtp_user",
        "smtp_password",
        "smtp_ca",
        "ntfy",
    ]
    assert (told["token"], told["operator_id"]) == ("4242:SECRET", 1001)
    ssl.create_default_context(cafile=told["smtp_ca"])
    async with aiohttp.ClientSession() as http:
        async with http.get(told["page"]) as response:
            assert response.status == 200
        stream = await http.get(f"{told['page']}sandbox/stream")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            out, err = await process.communicate()
        stream.close()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_it_ends_when_its_parent_closes_standard_input(tmp_path):
    process = await start(tmp_path, "--exit-with-stdin")
    await announcement(process)
    process.stdin.close()
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_a_taken_port_is_one_clear_line_and_status_2(tmp_path):
    first = await start(tmp_path / "a")
    port = (await announcement(first))["page"].rstrip("/").rpartition(":")[2]
    second = await start(tmp_path / "b", "--port", port)
    _, err = await second.communicate()
    assert second.returncode == 2
    assert err.decode().count("\n") == 1
    assert f"port {port}" in err.decode()
    assert "PORT=" in err.decode()
    first.terminate()
    await first.communicate()


async def test_a_malformed_token_is_refused_in_one_line(tmp_path):
    process = await start(tmp_path, "--token", "nonsense")
    _, err = await process.communicate()
    assert process.returncode == 2
    assert "must look like 123456:ABC-def" in err.decode()
