"""Quality in the activities: record findings, score the changes and check references."""
