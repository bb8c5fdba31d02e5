"""Reading the published file: queries, search, exports, definitions."""
