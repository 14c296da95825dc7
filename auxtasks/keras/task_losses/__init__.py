"""Losses of auxiliary targets other than those of their kinds."""
