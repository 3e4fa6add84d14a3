"""What runs inside a lab, as its PID 1: standard library only, all loaded (codecs too) before the mounts hide it."""
