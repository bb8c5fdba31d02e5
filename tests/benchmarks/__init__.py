"""Measurements of whole processes against a simulated API: see README.md beside this file."""
