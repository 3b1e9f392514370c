"""What platforms send: downloads taken apart safely, and each notebook put where `grade` looks for it."""
