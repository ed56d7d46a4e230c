"""The integration user's permissions, as an administrator has set them up."""
