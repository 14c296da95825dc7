"""Gradients of the trunk, task by task, from one forward pass."""
