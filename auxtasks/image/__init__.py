"""Tasks computed from images; importing this package registers them."""
