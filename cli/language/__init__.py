"""How the command line speaks: its help, its groups, its errors, and old spellings."""
