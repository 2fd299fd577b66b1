"""From Python: `air3d.load(...)`, and what it answers. `air3d/__init__.py` lists the public names."""
