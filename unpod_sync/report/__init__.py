"""The numbers as a report: terminal text and one HTML page."""
