"""Programs of a user beside the cases: files that name functions and their inputs, judged as they are."""
