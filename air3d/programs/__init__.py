"""The programs, a file each: `air3d NAME`, and NAME.py at the top of the repository."""
