"""`python -m air3d train ...` is the command `air3d train ...`."""

from air3d.command import main

if __name__ == "__main__":
    main()
