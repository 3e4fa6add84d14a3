"""What becomes of an apply when a libvirt call fails, a connection breaks, or either side is killed."""
