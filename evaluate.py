"""Measure a trained run on scenes it has never seen: python evaluate.py run=RUN_DIR [counts=[0,1,2,3,4,5,6]]."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
