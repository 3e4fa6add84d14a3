"""Tests against a real libvirt daemon in private namespaces."""
