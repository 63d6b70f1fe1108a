"""What the trainer's bench trains on, and whom it holds the search against."""
