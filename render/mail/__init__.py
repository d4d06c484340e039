"""Mail: alerts and the daily report as HTML with a text twin, and the files that go with them."""

from render.mail.alert import alert_mail
from render.mail.model import MailText
from render.mail.report import EQUITY_PICTURE, RUNS_PICTURE, report_mail

__all__ = ["EQUITY_PICTURE", "RUNS_PICTURE", "MailText", "alert_mail", "report_mail"]
