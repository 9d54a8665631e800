"""Checklists written as functions: what their flows are given, and how they are asked for."""
