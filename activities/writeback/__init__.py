"""Activities of writeback: send changes to Salesforce and record the outcomes."""
