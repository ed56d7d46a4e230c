"""A stand-in for the people who work in the org: an enrolment season, at a chosen rate."""
