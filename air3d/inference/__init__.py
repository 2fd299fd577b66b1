"""From pictures to objects: the greedy pass, counting, regions, refinement and search, and how answers are written."""
