"""Show what was understood of meshes before training: `python preview.py FOLDER`."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["preview", *sys.argv[1:]])
