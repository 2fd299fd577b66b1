"""What there is: meshes, catalogues, how objects are laid out on a table, frozen data sets. No torch in this room."""
