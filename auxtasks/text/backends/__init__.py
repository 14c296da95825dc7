"""The taggers: spaCy and NLTK."""
