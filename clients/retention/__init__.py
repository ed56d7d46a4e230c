"""Data that is kept for years: the archive under Object Lock and the keys of its subjects. Also the
removal of data whose time is over.
"""
