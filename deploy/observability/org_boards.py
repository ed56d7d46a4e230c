"""Dashboards of what the engine does with the org: writebacks, budgets and calls."""

from deploy.observability.panels import Board, age, one, quantile, rate, state

WRITEBACKS = Board(
    "tidegate-writebacks",
    "Tidegate: writebacks",
    (
        one(
            "Time until done",
            "99 % of writebacks, from acceptance. The promise is 300 s.",
            "s",
            quantile(0.99, "tidegate_writeback_latency_seconds", "object", 'part="done"'),
            "{{object}}",
        ),
        one(
            "Time until sent",
            "99 % of writebacks, from acceptance.",
            "s",
            quantile(0.99, "tidegate_writeback_latency_seconds", "object", 'part="sent"'),
            "{{object}}",
        ),
        one(
            "Echo",
            "From the call until its change is in the warehouse, median.",
            "s",
            quantile(0.5, "tidegate_writeback_latency_seconds", "object", 'part="echo"'),
            "{{object}}",
        ),
        one(
            "Outcomes",
            "Attempts a second by the state that they led to.",
            "short",
            rate("tidegate_writeback_outcomes_total", "outcome, code"),
            "{{outcome}} {{code}}",
        ),
        one(
            "Writebacks by state",
            "unknown: sent more than a minute ago, without an outcome.",
            "short",
            "sum by (state) (max by (object, state) (tidegate_writebacks))",
            "{{state}}",
        ),
        one(
            "Dead letters",
            "They wait for an operator.",
            "short",
            'max by (object) (tidegate_writebacks{state="dead"})',
            "{{object}}",
        ),
        one(
            "Paused",
            "1: paused by an operator.",
            "short",
            state("tidegate_writeback_paused", "object"),
            "{{object}}",
        ),
        one(
            "API requests",
            "A second, by status.",
            "short",
            rate("http_server_request_duration_seconds_count", "status"),
            "{{status}}",
        ),
        one(
            "API latency",
            "99 % of requests, by route.",
            "s",
            quantile(0.99, "http_server_request_duration_seconds", "route"),
            "{{route}}",
        ),
    ),
)

BUDGETS = Board(
    "tidegate-budgets",
    "Tidegate: budgets and calls",
    (
        one(
            "Used",
            "Part of each limit, in 24 hours, by everybody.",
            "percentunit",
            "max by (budget) (tidegate_budget_used) / max by (budget) (tidegate_budget_limit)",
            "{{budget}}",
        ),
        one(
            "Left",
            "Tokens that can still be granted.",
            "short",
            state("tidegate_budget_left", "budget"),
            "{{budget}}",
        ),
        one(
            "Runs out in",
            "By the forecast. 24 hours: not within a day.",
            "s",
            "min by (budget) (tidegate_budget_exhaustion_seconds)",
            "{{budget}}",
        ),
        one(
            "Spent by",
            "API calls of the last 24 hours.",
            "short",
            'max by (spender) (tidegate_budget_spent{budget="api_calls"})',
            "{{spender}}",
        ),
        one(
            "Slowed in",
            "API calls: until a class no longer gets what it asks for.",
            "s",
            'min by (lease_class) (tidegate_budget_slowed_seconds{budget="api_calls"})',
            "{{lease_class}}",
        ),
        one(
            "Held by processes",
            "Granted and not spent.",
            "short",
            state("tidegate_budget_granted", "budget"),
            "{{budget}}",
        ),
        one(
            "Age of the reading",
            "Since the org last said how much is used.",
            "s",
            age("tidegate_budget_reading_timestamp_seconds", "budget"),
            "{{budget}}",
        ),
        one(
            "Paused",
            "1: the org refused, and nothing is granted.",
            "short",
            state("tidegate_budget_paused", "budget"),
            "{{budget}}",
        ),
        one(
            "Calls",
            "To Salesforce, a second.",
            "short",
            rate("tidegate_salesforce_calls_total", "api, outcome"),
            "{{api}} {{outcome}}",
        ),
        one(
            "Calls by class",
            "A second.",
            "short",
            rate("tidegate_salesforce_calls_total", "lease_class"),
            "{{lease_class}}",
        ),
        one(
            "Duration of calls",
            "99 % of calls.",
            "s",
            quantile(0.99, "tidegate_salesforce_call_seconds", "api"),
            "{{api}}",
        ),
        one(
            "Wait for tokens",
            "99 % of callers that had to wait.",
            "s",
            quantile(0.99, "tidegate_lease_wait_seconds", "lease_class"),
            "{{lease_class}}",
        ),
    ),
)
