"""What is kept for years: the archive under Object Lock, the keys of its subjects, and the removal
of what has had its time.
"""
