"""What the stream's bench holds the worker against: other frameworks, doing the same windows into the same store."""
