"""Cutting texts into the model's own tokens."""
