"""What the check of a network compares it with."""
