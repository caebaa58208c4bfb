"""Thin verbs: each carries out a step that the plan decided."""
