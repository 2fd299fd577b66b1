"""Learn to turn pictures of a table into lists of objects: `python train.py scene=tabletop seed=0`."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
