"""Proof by experience: whether networks do for guests what their kinds promise."""
