"""What the kernel of this host really has, below libvirt, which reports what it once set up."""
