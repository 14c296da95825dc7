"""The estimator, the targets it makes, and their files."""
