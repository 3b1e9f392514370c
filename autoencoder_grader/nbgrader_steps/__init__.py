"""Plugged into nbgrader: the preprocessors, exporters, penalties and exports that nbgrader_config.py names."""
