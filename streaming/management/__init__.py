"""What people run by hand, and the supervisor for them."""
