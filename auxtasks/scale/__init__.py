"""Targets of inputs larger than memory, on disk or with Dask, and in the pipelines that feed a model."""
