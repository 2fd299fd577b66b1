"""Against the truth: test scenes, matching, metrics, calibration."""
