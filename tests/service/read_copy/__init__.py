"""The read copy beside a Redshift warehouse."""
