"""The functions that compute targets, a family of them in each file; importing one registers its tasks."""
