"""A whole class at once: what is to be graded, workers and cluster, the journal, what writes the gradebook."""
