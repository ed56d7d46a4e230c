"""The system tables and views that Redshift has and PostgreSQL lacks."""
