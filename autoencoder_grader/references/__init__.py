"""Measuring what the course promises: reference values, margins, loss curves and stored pictures."""
