"""Frameworks that people compare with, besides PyTorch and JAX: each runs where it is installed."""
