"""A change carried out on a copy of the host, in a lab: what would happen, and for how long each guest has no link."""
