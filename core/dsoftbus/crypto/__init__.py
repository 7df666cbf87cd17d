"""The suite interface and its portable implementation."""
