"""Its place on the path lets the tests here import the models that they share."""
