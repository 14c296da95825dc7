"""Tasks usable in every domain; importing this package registers them."""
