"""The mail pane's addresses: list, HTML body, parts, source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from sandbox.db import dump
from sandbox.guard import refuse
from sandbox.jsontypes import as_int
from sandbox.mailbox import Mail, Mailbox, Part
from sandbox.web.pages import MAIL_POLICY

_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class MailPages:
    """Serves stored mails; what a mail brings along runs nowhere and loads nothing from outside."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add all addresses."""
        router.add_get("/sandbox/mails", self._list)
        router.add_get("/sandbox/mails/{mail_id:[0-9]+}/html", self._with_mail(self._html))
        router.add_get("/sandbox/mails/{mail_id:[0-9]+}/raw", self._with_mail(self._raw))
        router.add_get("/sandbox/mails/{mail_id:[0-9]+}/parts/{index}", self._with_mail(self._part))
        router.add_post("/sandbox/mails/{mail_id:[0-9]+}/read", self._with_mail(self._read))

    async def _list(self, request: web.Request) -> web.Response:
        mails = [mail.to_json() for mail in self._mailbox.all()]
        return web.Response(text=dump({"mails": mails}), content_type="application/json")

    def _with_mail(
        self, handler: Callable[[web.Request, Mail], web.Response]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            mail = self._mailbox.find(as_int(request.match_info["mail_id"]))
            return refuse(404, "There is no such mail.") if mail is None else handler(request, mail)

        return handle

    def _html(self, request: web.Request, mail: Mail) -> web.Response:
        return web.Response(
            text=mail.page_html(f"/sandbox/mails/{mail.mail_id}"),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": MAIL_POLICY},
        )

    def _raw(self, request: web.Request, mail: Mail) -> web.Response:
        return web.Response(body=mail.raw, content_type="text/plain", charset="utf-8")

    def _part(self, request: web.Request, mail: Mail) -> web.Response:
        index = as_int(request.match_info["index"], -1)
        for part in mail.parts():
            if part.index == index:
                return _part_response(part)
        return refuse(404, "This mail has no such part.")

    def _read(self, request: web.Request, mail: Mail) -> web.Response:
        self._mailbox.mark_read(mail.mail_id)
        return web.Response(text=dump({"ok": True}), content_type="application/json")


def _part_response(part: Part) -> web.Response:
    shown = part.inline and part.mime in _SHOWN
    disposition = "inline" if shown else "attachment"
    return web.Response(
        body=part.content,
        headers={
            "Content-Type": part.mime if part.mime in _SHOWN else "application/octet-stream",
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(part.name)}",
        },
    )
