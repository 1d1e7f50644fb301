"""Prediction beyond `Network.predict`."""
