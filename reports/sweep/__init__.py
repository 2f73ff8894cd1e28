"""Sweeps: networks without end, drawn from a seed, judged in stacks, and kept as a Parquet dataset."""
