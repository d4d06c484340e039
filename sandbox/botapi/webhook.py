"""Delivery of updates by webhook."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from sandbox.botapi.world import World
from sandbox.db import dump
from sandbox.jsontypes import JsonObject, as_int, as_text

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Waiting times in seconds: doubled after every failure up to `longest_s`."""

    first_s: float = 1.0
    longest_s: float = 60.0
    timeout_s: float = 30.0


class WebhookPusher:
    """Posts the oldest update until it is taken, then the next: order is kept."""

    def __init__(self, world: World, retry: RetryPolicy) -> None:
        self._world = world
        self._retry = retry

    async def run(self) -> None:
        """Deliver until cancelled."""
        timeout = aiohttp.ClientTimeout(total=self._retry.timeout_s)
        wait_s = self._retry.first_s
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                webhook = self._world.updates.webhook
                pending = self._world.updates.pending(1) if webhook.get("url") else []
                if not pending:
                    await self._world.updates.changed.wait()
                elif problem := await self._post(session, webhook, pending[0]):
                    self._remember(webhook, problem)
                    deadline = asyncio.get_running_loop().time() + wait_s
                    await self._world.updates.changed.wait_until(deadline)
                    wait_s = min(wait_s * 2, self._retry.longest_s)
                else:
                    wait_s = self._retry.first_s

    async def _post(
        self, session: aiohttp.ClientSession, webhook: JsonObject, update: JsonObject
    ) -> str:
        """Post one update; "" when it was taken, else what went wrong."""
        headers = {"Content-Type": "application/json"}
        if secret := as_text(webhook.get("secret_token")):
            headers[SECRET_HEADER] = secret
        url = as_text(webhook.get("url"))
        try:
            async with session.post(url, data=dump(update), headers=headers) as response:
                if not response.ok:
                    return (
                        "Wrong response from the webhook: "
                        f"{response.status} {response.reason or ''}".rstrip()
                    )
        except (aiohttp.ClientError, TimeoutError) as exc:
            return f"Connection failed: {str(exc) or type(exc).__name__}"
        self._world.updates.drop(as_int(update.get("update_id")))
        self._world.presence.seen()
        return ""

    def _remember(self, webhook: JsonObject, problem: str) -> None:
        if self._world.updates.webhook.get("url") == webhook.get("url"):
            self._world.db.put_setting(
                "webhook",
                {
                    **webhook,
                    "last_error_date": self._world.clock.epoch(),
                    "last_error_message": problem,
                },
            )
