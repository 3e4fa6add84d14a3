"""A declarative reconciler for libvirt virtual networks."""

__version__ = "0.1.0"
