"""Measures the advantage of every token of some rollouts, and what each method's hooks make of the same rollouts."""
