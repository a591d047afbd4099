"""What several parts of evsim need and users do not."""
