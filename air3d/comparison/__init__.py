"""Several models on the same tests: training what is missing, asking all of them, gathering what they said."""
