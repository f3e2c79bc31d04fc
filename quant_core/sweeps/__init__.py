"""Many combinations of settings, one table."""
