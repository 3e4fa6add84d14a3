"""Where a host has something else beneath its networks than libvirt set up, and how that is mended at least cost."""
