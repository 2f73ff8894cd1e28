"""Training steps read out of programs: a framework's own model, loss and optimizer, run as they are."""
