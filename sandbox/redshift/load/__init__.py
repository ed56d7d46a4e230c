"""COPY and UNLOAD of Parquet."""
