"""What nbgrader_config.py names: preprocessors, exporters, penalties and exports, plugged into nbgrader."""
