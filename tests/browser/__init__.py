"""Tests in a real Chromium, driven by its own DevTools protocol."""
