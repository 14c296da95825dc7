"""Cutting texts into the model's own tokens."""

from __future__ import annotations
