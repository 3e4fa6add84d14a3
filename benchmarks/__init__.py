"""How fast netreconcile is, beside a bare libvirt-python script and its peers: `python -m benchmarks --help`."""
