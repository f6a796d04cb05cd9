"""Recipes, and training one model on one dataset by them. Recipes are read without torch."""
