"""What the dialect has, by family; each refusal names its page of AWS' documentation."""
