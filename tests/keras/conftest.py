"""Its place on the path lets the tests in folders below import the helpers here."""
