"""What the org does beyond answering addresses: each behaviour with its source and the test that would fail without it."""

from typing import NamedTuple


class Behaviour(NamedTuple):
    """One rule of the org."""

    what: str
    source: str
    """The documentation page, or where it was observed."""
    test: str
    """The name of a test in tests/sandbox."""


BEHAVIOURS = (
    Behaviour("Restricted picklists refuse other values", "Salesforce Help, Restricted Picklists",
              "test_a_value_outside_a_restricted_picklist_is_refused"),
    Behaviour("A reference must lead to a record that exists", "REST API Developer Guide, Status Codes: INVALID_CROSS_REFERENCE_KEY",
              "test_a_reference_to_nothing_or_to_another_object_is_refused"),
    Behaviour("Children of a cascade go and come with their parent, with events of their own",
              "Change Data Capture Developer Guide, Change Events for Cascade Deletes",
              "test_children_of_a_cascade_go_and_come_with_their_parent"),
    Behaviour("The recycle bin keeps a record 15 days; hard deletes leave it out", "Salesforce Help, Manage the Recycle Bin",
              "test_the_recycle_bin_keeps_a_record_for_15_days"),
    Behaviour("Roll-ups and formulas change without SystemModstamp and without an event",
              "seen in orgs: heroku/roadmap issue 319", "test_a_roll_up_changes_without_a_modstamp_and_without_an_event"),
    Behaviour("Modstamps have one second; a late commit's precede it (dial commit_lag_seconds)",
              "seen in orgs: airbytehq/airbyte issue 27146, estuary/connectors pull 2678",
              "test_a_late_commit_has_a_modstamp_before_its_commit_and_never_before_the_records_last_one"),
    Behaviour("Queries may see a commit late (dial query_delay_seconds)", "seen in orgs: estuary/connectors pull 2678",
              "test_queries_see_a_commit_only_after_the_delay_and_reads_by_id_at_once"),
    Behaviour("A write locks its records and their parents while it lasts (dial chunk_seconds)",
              "Salesforce Developers, Record Locking Cheat Sheet",
              "test_a_write_that_cannot_lock_the_parent_fails_and_leaves_others_alone"),
    Behaviour("A write of a detail locks its master, named or not", "Salesforce Developers, Record Locking Cheat Sheet",
              "test_an_update_of_a_detail_locks_its_master_though_it_does_not_name_it"),
    Behaviour("Calculated fields are in events only by a dial (calculated_fields), as of v66.0",
              "Change Data Capture Developer Guide, Change Event Body",
              "test_no_event_carries_a_calculated_field_until_the_dial_says_so"),
    Behaviour("A number of more digits than its field has is refused",
              "REST API Developer Guide, Status Codes: NUMBER_OUTSIDE_VALID_RANGE",
              "test_a_number_of_more_digits_than_its_field_has_is_refused"),
    Behaviour("A value of a type that its field cannot have makes a collection unreadable as a whole",
              "seen in orgs: regican/Salesforce issue 2, mautic/mautic issue 3048 (the error names a place in the body)",
              "test_a_value_of_no_type_of_its_field_refuses_the_whole_collection"),
    Behaviour("Gap events name records and carry no values", "Change Data Capture Developer Guide, Gap Events",
              "test_a_gap_event_names_records_and_carries_no_values"),
    Behaviour("A transaction of more than 100,000 changes ends in one overflow event an object",
              "Change Data Capture Developer Guide, Overflow Events",
              "test_a_transaction_beyond_the_threshold_ends_in_one_overflow_event_an_object"),
    Behaviour("A lossy change of a field's type is one event for all records, or gap events",
              "Change Data Capture Developer Guide, Change Events for Field Conversions",
              "test_a_conversion_that_leaves_all_values_the_same_is_one_event_for_all_records"),
    Behaviour("An event keeps the schema that it was written with", "Pub/Sub API Guide, Event Schemas",
              "test_an_event_keeps_the_schema_that_it_was_written_with"),
    Behaviour("At most 100 events are outstanding on a Pub/Sub stream", "Pub/Sub API Guide, Flow Control",
              "test_no_more_than_a_hundred_events_are_outstanding_whatever_is_asked"),
    Behaviour("Bitmaps tell what changed, was emptied, came as a diff", "Pub/Sub API Guide, Event Deserialization Considerations",
              "test_bitmaps_name_what_changed_what_was_emptied_and_what_came_as_a_diff"),
    Behaviour("Delivered events count for every subscriber and stop at the allocation",
              "Change Data Capture Developer Guide, Change Data Capture Allocations",
              "test_delivery_stops_when_the_allocation_is_spent_and_resumes_without_loss"),
    Behaviour("Enriched channels un-merge events, which then share a replay id",
              "Change Data Capture Developer Guide, Enrich Change Events with Extra Fields",
              "test_an_enriched_channel_unmerges_events_which_share_a_replay_id_and_each_is_charged"),
    Behaviour("Filtered-out events are neither delivered nor counted",
              "Change Data Capture Developer Guide, Filter Your Stream of Change Events",
              "test_what_a_filter_holds_back_does_not_count_as_delivered"),
    Behaviour("A spent refresh token ends its grant while rotation is on", "Salesforce Help, Refresh Token Rotation",
              "test_using_a_spent_refresh_token_ends_the_whole_grant"),
    Behaviour("Too many long calls refuse the next one", "Salesforce Developer Limits, Concurrent API Requests",
              "test_too_many_long_calls_refuse_the_next_one"),
    Behaviour("What field-level security hides is in no describe, query, write or event", "Salesforce Help, Field-Level Security",
              "test_a_hidden_field_is_in_no_describe_query_write_or_event"),
    Behaviour("A subscription needs View All Data, or View All Records of every object of its channel",
              "Change Data Capture Developer Guide, Required Permissions for Receiving Change Events",
              "test_a_subscription_without_view_all_data_is_refused_by_cometd_word_by_word"),
    Behaviour("An object that no channel selects emits no events", "Change Data Capture Developer Guide, Select Objects for Change Notifications",
              "test_a_deselected_object_emits_no_event_until_it_is_selected_again"),
)  # fmt: skip
