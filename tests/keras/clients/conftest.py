"""Its place on the path lets the tests here import what must hold of every script of a client."""
