"""The training loop and its record: configuration, schedules, validation, collapse, checkpoints, tracking."""
