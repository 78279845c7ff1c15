"""Measures and pictures of generated motion."""
