"""What runs inside a lab, as its PID 1: standard library only, and all of it loaded before the mounts change."""
