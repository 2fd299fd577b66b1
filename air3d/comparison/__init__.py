"""Several models on the same tests: training what is missing, evaluating all of them, collecting the results."""
