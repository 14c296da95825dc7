"""Targets of inputs larger than memory: computed chunk by chunk, written to disk, and gone on with after a crash."""
