"""Measuring the course: reference values, margins, loss curves and stored pictures."""
