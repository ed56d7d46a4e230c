"""What the integration user may do and see, as an administrator has set it up."""
