"""The messages of the protocols that guests speak, bytes to values and back; pure, and never surprised by bytes."""
