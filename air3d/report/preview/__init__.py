"""What was understood of a scene's meshes: a page, and a picture of all of it."""
