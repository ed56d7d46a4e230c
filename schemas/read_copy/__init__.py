"""The read copy: how it stands."""
