"""The demonstration behind ``auxtasks demo``: handwritten digits, few labels, HOG as the auxiliary target."""
