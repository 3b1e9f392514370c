"""Measuring the course: reference values, margins, loss curves, the trained networks it carries, and a stored picture."""
