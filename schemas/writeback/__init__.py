"""Messages of writeback: requests, control, files and previews."""
