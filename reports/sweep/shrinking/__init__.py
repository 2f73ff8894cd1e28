"""Shrinking: from what a sweep has found to the smallest cases that show it, as files."""
