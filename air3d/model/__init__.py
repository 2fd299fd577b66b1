"""The generative model and its inference network: prior, likelihood, posterior, latents, and the bound (air.py)."""
