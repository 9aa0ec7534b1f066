"""Directions in style space that change one thing about a picture, found without training."""
