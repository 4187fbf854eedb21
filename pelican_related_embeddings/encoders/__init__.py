"""Text to vectors: finding the model, running it, keeping what it returns."""
