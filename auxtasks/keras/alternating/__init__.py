"""Training in turns: each optimizer step trains one task and the trunk, the other heads stay as they are."""
