"""Anybody's meshes: a folder of OBJ, glTF, PLY, STL and OFF files becomes a catalogue (`entries.py`).

Nothing outside the folder is read, and nothing read may execute.
"""
