"""Who may do what, who did it, and how long things are kept."""
