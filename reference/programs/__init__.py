"""Programs of any kind, captured from a user's own code: evaluated in bounds and in balls, differentiated."""
