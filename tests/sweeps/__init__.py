"""Sweeps: grids, their settings, trials against single runs, engines, interruptions."""
