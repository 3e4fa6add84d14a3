"""What `watch` is made of: when to look, what to tell of it, and what tells that something has happened."""
