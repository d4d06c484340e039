"""The mail server, through aiosmtplib over STARTTLS with a login."""

import ssl
from email.message import EmailMessage

import aiosmtplib
import pytest

from sandbox.server import Sandbox
from tests.sandbox.conftest import png


def report(subject: str = "Daily report: +1.2 %") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Outcry <reports@outcry.example>"
    mail["To"] = "alex@example.org"
    mail["Subject"] = subject
    mail["Message-ID"] = "<1@outcry>"
    mail.set_content("P&L +612.40 – fine\n")
    html = (
        '<script>parent.pwned = 1</script><p>P&amp;L</p><img src="cid:equity"><img src="cid:none">'
    )
    mail.add_alternative(html, subtype="html")
    mail.get_payload()[1].add_related(png(), "image", "png", cid="<equity>")
    mail.add_attachment(b"symbol,pnl\n", maintype="text", subtype="csv", filename="trades.csv")
    return mail


async def deliver(box: Sandbox, mail: EmailMessage, **changes):
    context = ssl.create_default_context(cafile=str(box.certificate.cert_file))
    options = {
        "hostname": box.smtp_host,
        "port": box.smtp_port,
        "username": box.smtp_user,
        "password": box.smtp_password,
        "start_tls": True,
        "tls_context": context,
        "timeout": 5,
    } | changes
    return await aiosmtplib.send(mail, **options)


async def test_a_mail_arrives_whole_and_its_certificate_verifies(box: Sandbox):
    await deliver(box, report())
    [mail] = box.mails()
    assert mail.subject == "Daily report: +1.2 %"
    assert mail.text == "P&L +612.40 – fine\n"
    assert mail.recipients == ("alex@example.org",)
    assert mail.message["Message-ID"] == "<1@outcry>"
    assert [(part.name, part.inline) for part in mail.parts() if part.mime == "text/csv"] == [
        ("trades.csv", False)
    ]


async def test_the_page_shows_html_with_inlined_images_and_runs_nothing(box: Sandbox, http):
    await deliver(box, report())
    [listed] = (await (await http.get("sandbox/mails")).json())["mails"]
    assert (listed["from_name"], listed["unread"], listed["has_html"]) == ("Outcry", True, True)
    response = await http.get(f"sandbox/mails/{listed['id']}/html")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    body = await response.text()
    image = f"/sandbox/mails/{listed['id']}/parts/"
    assert f'src="{image}' in body
    assert 'src="cid:none"' in body
    index = body.split(image)[1].split('"')[0]
    part = await http.get(f"sandbox/mails/{listed['id']}/parts/{index}")
    assert (part.content_type, await part.read()) == ("image/png", png())
    await http.post(f"sandbox/mails/{listed['id']}/read")
    assert not box.mails()[0].unread


async def test_without_tls_login_or_the_right_password_nothing_is_taken(box: Sandbox):
    with pytest.raises(aiosmtplib.SMTPException):
        await deliver(box, report(), start_tls=False, tls_context=None)
    with pytest.raises(aiosmtplib.SMTPException):
        await deliver(box, report(), username=None, password=None)
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await deliver(box, report(), password="wrong")
    with pytest.raises(ssl.SSLCertVerificationError):
        await deliver(box, report(), tls_context=ssl.create_default_context())
    assert box.mails() == []


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
async def test_both_ways_to_log_in_work(box: Sandbox, method: str):
    context = ssl.create_default_context(cafile=str(box.certificate.cert_file))
    client = aiosmtplib.SMTP(
        hostname=box.smtp_host, port=box.smtp_port, start_tls=True, tls_context=context, timeout=5
    )
    async with client:
        await client.ehlo()
        login = client.auth_plain if method == "PLAIN" else client.auth_login
        await login(box.smtp_user, box.smtp_password)
        await client.send_message(report())
    assert len(box.mails()) == 1


async def test_faults_refuse_for_now_for_good_and_drop(box: Sandbox):
    box.faults.set("smtp", "temp_451", {"next": 1})
    with pytest.raises(aiosmtplib.SMTPDataError) as caught:
        await deliver(box, report())
    assert caught.value.code == 451
    box.faults.set("smtp", "perm_550", {"next": 1, "methods": ["RCPT"]})
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await deliver(box, report())
    assert refused.value.recipients[0].code == 550
    box.faults.set("smtp", "down", {"next": 1})
    with pytest.raises(aiosmtplib.SMTPException):
        await deliver(box, report())
    assert box.mails() == []
    box.faults.set("smtp", "drop_after_data", {"next": 1})
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await deliver(box, report())
    assert len(box.mails()) == 1


async def test_a_slow_server_times_out(box: Sandbox):
    box.faults.set("smtp", "slow_ms", 3000)
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await deliver(box, report(), timeout=0.3)
