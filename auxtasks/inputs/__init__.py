"""What users pass, checked and read in chunks."""
