"""What is generated from the model: the JSON Schemas in `schemas/` and the page `docs/reference.md`.

`python -m netreconcile.reference` writes the files. No command imports this room: docstrings are read from the
model's source here, so that nothing else pays for them.
"""
