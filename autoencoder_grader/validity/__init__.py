"""Whether grading is right: a corpus of submissions whose points are known, and what the grader makes of each."""
