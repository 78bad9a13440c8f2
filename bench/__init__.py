"""Measure what we claim, each number beside what it is compared with, in one run."""
