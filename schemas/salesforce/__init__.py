"""Forms that Salesforce gives: descriptions of objects, limits and record ids."""
