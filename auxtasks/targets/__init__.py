"""Inputs read, targets computed, and what was learned from them."""
