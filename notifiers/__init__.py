"""Tells people what happened: events become deliveries, deliveries become messages.

`NotifierService` is what the composition root runs; the channels are in `notifiers.channels`.
"""

from notifiers.retry import DeliveryPolicy
from notifiers.routing import DEFAULT_ROUTES, Route
from notifiers.service import NotifierService

__all__ = ["DEFAULT_ROUTES", "DeliveryPolicy", "NotifierService", "Route"]
