"""Pictures of a topology: what is connected to what (`graph`), and a module for each notation. Pure."""
