"""Checklists as people write them down in YAML files."""
