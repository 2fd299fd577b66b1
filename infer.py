"""Say what stands where in pictures: `python infer.py run=pretrained/tabletop pictures=FILE_OR_FOLDER`."""

import sys

from air3d.command import main

if __name__ == "__main__":
    main(["infer", *sys.argv[1:]])
