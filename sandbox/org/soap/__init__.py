"""As much of the SOAP API as logins need: old clients get their session there."""
