"""Quality: rules, their findings and the scorecard."""
