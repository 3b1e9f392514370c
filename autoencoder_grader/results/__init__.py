"""What became of a class, for people: its table in the terminal, and a report as a page."""
