"""Soft labels: what a simple model on features of the inputs says of the samples without a label."""
