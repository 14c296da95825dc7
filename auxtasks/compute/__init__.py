"""From tasks and inputs to unscaled targets."""
