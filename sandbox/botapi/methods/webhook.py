"""Methods about the webhook."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from sandbox.botapi.errors import bad_request
from sandbox.botapi.params import Params
from sandbox.botapi.world import World
from sandbox.jsontypes import JsonObject, pick

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


def webhook_methods(world: World) -> Mapping[str, Callable[[Params], object]]:
    """Return the webhook methods by name."""
    webhook = _Webhook(world)
    return {
        "setWebhook": webhook.set,
        "deleteWebhook": webhook.delete,
        "getWebhookInfo": webhook.info,
    }


class _Webhook:
    def __init__(self, world: World) -> None:
        self._world = world

    def set(self, params: Params) -> bool:
        url = params.text("url").strip()
        if not url:
            return self.delete(params)
        # As a local Bot API server: plain HTTP and any port are fine.
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise bad_request("bad webhook: invalid webhook URL specified")
        secret = params.text("secret_token")
        if secret and not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        if params.flag("drop_pending_updates"):
            self._world.updates.drop_all()
        self._world.updates.allow(params.array("allowed_updates", "allowed updates"))
        settings: JsonObject = {
            "url": url,
            "secret_token": secret,
            "max_connections": params.clamped("max_connections", 40, 1, 100),
            "has_custom_certificate": "certificate" in params.uploads,
        }
        self._world.updates.set_webhook(settings)
        return True

    def delete(self, params: Params) -> bool:
        if params.flag("drop_pending_updates"):
            self._world.updates.drop_all()
        self._world.updates.set_webhook({})
        return True

    def info(self, params: Params) -> JsonObject:
        webhook = self._world.updates.webhook
        info: JsonObject = {
            "url": webhook.get("url", ""),
            "has_custom_certificate": webhook.get("has_custom_certificate", False),
            "pending_update_count": self._world.updates.count(),
        }
        if webhook:
            info |= pick(webhook, "max_connections", "last_error_date", "last_error_message")
            info["ip_address"] = "127.0.0.1"
        if allowed := self._world.updates.allowed:
            info["allowed_updates"] = allowed
        return info
