"""Alerts: one message for each test, source or model that begins to fail, or recovers."""

from footfall.alerts.destination import Destination, JsonLines, Webhook, destination_of
from footfall.alerts.job import Alert, State, send_alerts

__all__ = ["Alert", "Destination", "JsonLines", "State", "Webhook", "destination_of", "send_alerts"]
