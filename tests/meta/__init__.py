"""Tests of the project itself: what may import what, and that nothing is forgotten."""
