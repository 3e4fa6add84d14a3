"""Plans and drift in the forms that pipelines and people at a browser use: `subject`, and a module for each. Pure."""
