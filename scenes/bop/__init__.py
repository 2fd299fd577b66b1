"""Data sets in the layout of BOP, the benchmark for 6D object pose estimation (https://bop.felk.cvut.cz).

Millimetres and OpenCV's axes (x right, y down, z forward) there, metres and our world here: the files of this package
are where they meet.
"""
