"""Write a data set of labelled pictures: `python generate.py scene=tabletop scenes=1000 out=DIR seed=0`."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["generate", *sys.argv[1:]])
