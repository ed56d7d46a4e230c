"""The dialect by family; each refusal names its page of AWS' documentation."""
