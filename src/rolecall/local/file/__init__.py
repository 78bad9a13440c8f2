"""Read `rolecall.yaml`: text to values, every mistake at once, each with its place."""
