"""Reading a user's own program into `cases.captured`: a JAX function, a PyTorch function or module."""
