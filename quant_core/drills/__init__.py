"""Drills: what could go wrong in real life, done on purpose, counted, and able to fail."""
