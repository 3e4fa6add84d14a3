"""Tests without a daemon: values in, values out."""
