"""Train several models, test all on the same scenes, report: python compare.py experiment=repeats [-m seed=0,1,2]."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["compare", *sys.argv[1:]])
