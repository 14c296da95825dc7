"""Tasks computed from videos; importing this package registers them."""
