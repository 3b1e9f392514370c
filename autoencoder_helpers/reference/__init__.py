"""What was measured for the course: thresholds and losses, and the curves of its own networks."""
