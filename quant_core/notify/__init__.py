"""Alerts: who is told what happened, at least once, without trading ever waiting for it."""
