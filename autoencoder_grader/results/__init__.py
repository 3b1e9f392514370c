"""What became of a class: its table in the terminal, and a report as a page."""
