"""Which samples a batch holds: composed, planned or mapped, and no model."""
