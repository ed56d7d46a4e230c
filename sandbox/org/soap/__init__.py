"""The SOAP API: logins of old clients, and records for the clients that never left it."""
