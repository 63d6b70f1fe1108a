"""Other ways to serve the model of the scorer's bench."""
