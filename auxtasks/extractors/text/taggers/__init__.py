"""The taggers: spaCy and NLTK."""

from __future__ import annotations
