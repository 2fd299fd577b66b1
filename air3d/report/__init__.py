"""What an evaluation looks like: tables, plots, panels, CSV."""
