"""The loop over epochs, and what surrounds it."""
