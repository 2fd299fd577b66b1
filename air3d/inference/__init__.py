"""From pictures to objects: the greedy pass, counting, regions, refinement and search, and predictions written down."""
