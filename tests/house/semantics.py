"""What processes must get right, claim by claim, and the tests that hold it.

A test is named by its file below `tests/` and its function; "check:"
names a check that every store runs (`crmkit.testing.contracts`).
"""

from collections.abc import Iterator

_ROWS = "pipeline/test_semantics.py"

#: For each rule its claims, and for each claim its tests; the first test of a rule is its row in the file above.
RULES: dict[str, dict[str, tuple[str, ...]]] = {
    "atomic move": {
        "deciding is pure, and the same for the same arguments": (
            f"{_ROWS}::test_atomic_move", "testing/test_processes.py::test_planted_defects_are_caught",
        ),
        "evolving is total": (
            "pipeline/test_approvals.py::test_facts_that_do_not_fit_change_nothing",
            "pipeline/test_history.py::test_unknown_events_count_but_change_nothing_else",
        ),
        "all facts of a command are stored, or none": (
            "check:appends_are_all_or_nothing", "test_desk_together.py::test_the_desk_reads_the_children_of_a_case",
        ),
        "effects are data, told from the facts": (
            "pipeline/test_guards.py::test_effects_are_data_and_follow_from_the_facts",
        ),
        "a guard that fails leaves the case as it was": (f"{_ROWS}::test_atomic_move",),
    },
    "idempotency key": {
        "the same command gives the first verdict": (
            f"{_ROWS}::test_idempotency_key", "test_desk.py::test_same_key_same_result",
            "test_desk.py::test_a_retry_is_judged_by_the_time_of_the_first",
        ),
        "another payload is an error": (
            "test_desk.py::test_a_key_belongs_to_one_kind_of_command", "check:other_payload_is_refused",
        ),
        "keys live in the facts, as long as those": (f"{_ROWS}::test_idempotency_key",),
        "no move is done twice by desks at once": (
            "test_desk_together.py::test_no_move_is_lost_and_none_is_done_twice",
        ),
    },
    "optimistic concurrency": {
        "on a conflict the command is decided again on the fresh case": (
            f"{_ROWS}::test_optimistic_concurrency", "test_desk.py::test_conflict_means_decide_again",
            "test_desk.py::test_conflict_that_makes_the_move_illegal",
        ),
        "what a guard read elsewhere is part of the condition": (
            "test_desk.py::test_a_rule_that_reads_another_case_conflicts_with_its_changes",
            "test_desk_together.py::test_a_child_that_changes_meanwhile_is_a_conflict",
        ),
        "trying has an end": ("test_desk.py::test_endless_conflict_is_passed_on",),
        "no move is lost by desks at once": ("test_desk_together.py::test_no_move_is_lost_and_none_is_done_twice",),
    },
    "definition version": {
        "all that decides is in the hash, and nothing else": (
            f"{_ROWS}::test_definition_version", "pipeline/test_codec_laws.py::test_all_that_decides_is_part_of_the_hash",
            "pipeline/test_codec_laws.py::test_what_people_read_is_no_part_of_the_hash",
        ),
        "versions are dated, and a case stays with its own": (
            "pipeline/test_migration.py::test_versions_follow_each_other",
            "test_desk_together.py::test_cases_stay_with_their_version",
        ),
        "a hash that nobody knows is refused": (
            f"{_ROWS}::test_definition_version", "pipeline/test_definition.py::test_a_case_of_another_version_is_refused",
        ),
    },
    "in-flight migration": {
        "a dry run tells who can, and why others cannot": (
            f"{_ROWS}::test_in_flight_migration",
            "pipeline/test_migration.py::test_the_plan_says_what_would_become_of_each_case",
            "pipeline/test_migration.py::test_what_the_new_version_lacks_blocks",
        ),
        "deadlines that move are told": (
            "pipeline/test_migration.py::test_deadlines_that_move_are_shown",
            "pipeline/test_migration.py::test_deadlines_of_clocks_that_move_are_shown",
        ),
        "only legal histories move if asked so": (
            "pipeline/test_migration.py::test_only_legal_histories_move_if_told_so",
        ),
        "one fact for each case, many at once": (
            "pipeline/test_migration.py::test_a_case_changes_over_with_one_fact",
            "test_desk_clocks.py::test_a_desk_changes_cases_over",
        ),
        "forward and back is the case as it was": (
            "pipeline/test_migration.py::test_there_and_back_again",
            "pipeline/test_migration.py::test_what_was_filled_in_is_taken_back",
        ),
    },
    "backward": {
        "going back is a move of its own, with its own reason, where the table has it": (f"{_ROWS}::test_backward",),
        "first entries and later ones are told apart, and every move is there": (f"{_ROWS}::test_backward",),
        "a definition may rule it out": (
            "pipeline/test_guards.py::test_switches_refuse_moves_that_they_rule_out",
            "pipeline/test_guards.py::test_without_moves_everything_is_allowed_that_the_switches_allow",
        ),
    },
    "skip": {
        "visits are never invented; a skipped stage is counted as skipped": (f"{_ROWS}::test_skip",),
        "filling in is a choice, printed with the figure": (
            "metrics/test_funnel_paths.py::test_backfilled_steps_are_marked",
        ),
        "a definition may rule it out": (
            "pipeline/test_guards.py::test_switches_refuse_moves_that_they_rule_out",
        ),
    },
    "closed is not final": {
        "a closed case may be opened again, and its closed stay ends": (
            f"{_ROWS}::test_closed_is_not_final", "pipeline/test_definition.py::test_closed_is_not_an_end",
        ),
        "whether a loss that was taken back counts is said": (f"{_ROWS}::test_closed_is_not_final",),
    },
    "parallel sub-process": {
        "a child has its own definition, id and facts": (
            f"{_ROWS}::test_parallel_sub_process", "pipeline/test_links.py::test_a_child_is_opened_with_a_fact_in_each_case",
        ),
        "guards of the parent read its outcome": (
            "pipeline/test_links.py::test_a_guard_reads_the_outcome_of_the_child",
        ),
        "the parent moves meanwhile where its guards let it": (f"{_ROWS}::test_parallel_sub_process",),
        "closing the parent cancels open children": (
            "pipeline/test_links.py::test_a_case_that_closes_cancels_its_open_children",
            "pipeline/test_links.py::test_a_case_does_not_close_over_children_that_nobody_looked_at",
        ),
    },
    "timers": {
        "a clock is start, pause, resume, stop and reset, read off the facts": (
            f"{_ROWS}::test_timers", "pipeline/test_clocks.py::test_cycles",
            "pipeline/test_ticking.py::test_clocks_show_what_a_loop_over_minutes_counts",
        ),
        "each breach and each warning, at shares of the time, is told once": (
            "pipeline/test_ticking.py::test_any_schedule_of_ticks_says_the_same_once",
            "test_desk_clocks.py::test_desks_that_tick_at_once_say_each_breach_once",
        ),
        "time on hold is its working overlap": (
            "pipeline/test_clocks.py::test_a_hold_overnight_shifts_nothing",
            "test_calendars.py::test_pauses_are_united",
        ),
        "a deadline from a time off begins with the next slot": (
            f"{_ROWS}::test_four_hours_from_a_saturday_at_sixteen",
            f"{_ROWS}::test_four_hours_from_a_holiday_at_fourteen",
        ),
    },
    "business calendar": {
        "many slots a day, across midnight too": (
            f"{_ROWS}::test_business_calendar", "test_calendars.py::test_a_night_slot_belongs_to_the_day_it_begins_on",
        ),
        "holidays and make-up workdays": ("test_calendars.py::test_make_up_workdays",),
        "layers of person, team and company": (
            "test_calendars_rules.py::test_leave_wins_over_the_company",
            "pipeline/test_clocks.py::test_calendars_of_people_teams_and_the_company",
        ),
        "zones and changes of clocks": (
            "test_calendars.py::test_equal_to_a_clock_stepped_second_by_second",
            "test_calendars.py::test_equal_to_a_clock_stepped_minute_by_minute",
        ),
        "rules that change at a date change no past result": (
            "test_calendars_rules.py::test_a_new_rule_changes_no_past_result",
        ),
        "due is the inverse of elapsed": (
            "test_calendars.py::test_due_is_the_first_instant_with_that_much_work_behind_it",
        ),
    },
    "approval": {
        "all, any, sequence, k of n, weights": (
            "pipeline/test_approvals.py::test_each_mode_decides_in_its_own_way",
            "pipeline/test_approvals.py::test_a_panel_has_decided_exactly_when_the_open_answers_no_longer_matter",
        ),
        "nobody to decide": (
            "pipeline/test_approvals.py::test_an_empty_panel_is_refused_passed_over_or_asks_deputies",
        ),
        "whoever asks is who decides": (
            "pipeline/test_approvals.py::test_whoever_asks_may_not_decide_unless_told_so",
        ),
        "one person in several panels": ("pipeline/test_approvals.py::test_people_in_several_panels",),
        "others are called in, before and after": (
            f"{_ROWS}::test_approval", "pipeline/test_approvals.py::test_another_is_called_in_before_or_after",
        ),
        "a request goes back to a panel": (
            "pipeline/test_approvals.py::test_a_request_goes_back_to_a_panel_or_to_whoever_asked",
        ),
        "a covered field that changes voids the grant": (
            f"{_ROWS}::test_approval", "pipeline/test_approvals.py::test_a_covered_field_that_changes_voids_the_grant",
            "pipeline/test_approvals.py::test_nobody_answers_what_has_changed",
        ),
        "separation of duties": ("pipeline/test_approvals.py::test_separate_duties_are_done_by_different_people",),
    },
    "delegation": {
        "from its start until before its end, in its scope": (
            f"{_ROWS}::test_delegation", "pipeline/test_directory.py::test_a_delegation_is_good_from_its_start_until_before_its_end",
            "pipeline/test_directory.py::test_a_scope_limits_what_is_passed_on",
        ),
        "chains have a limit, and circles are refused": (
            "pipeline/test_directory.py::test_a_chain_is_as_long_as_the_directory_says",
            "pipeline/test_directory.py::test_circles_are_found_exactly_when_there_are_some",
        ),
        "resolved when it is decided, and recorded: who, for whom": (
            "pipeline/test_approvals.py::test_a_delegate_decides_and_both_are_recorded",
            "test_desk_together.py::test_the_directory_is_asked_for_every_decision",
        ),
        "nobody approves their own request through it": (
            "pipeline/test_approvals.py::test_nobody_approves_their_own_request_through_a_delegation",
        ),
    },
    "event sourcing and replay": {
        "facts say when, when recorded, who, why, under which definition": (
            f"{_ROWS}::test_event_sourcing_and_replay", "pipeline/test_history.py::test_backdated_entry",
        ),
        "replay is deterministic, a kept case is a cache": (
            f"{_ROWS}::test_event_sourcing_and_replay", "pipeline/test_history.py::test_replay_of_record_is_identity",
        ),
        "types of facts that nobody knows yet are kept": (
            "pipeline/test_history.py::test_unknown_events_count_but_change_nothing_else",
        ),
        "what was, as it was known then": (
            "pipeline/test_history.py::test_state_as_of", "pipeline/test_history.py::test_known_at_never_sees_the_future",
        ),
    },
    "clock": {
        "now is an argument, and has a zone": (
            f"{_ROWS}::test_clock", "pipeline/test_definition.py::test_times_must_be_aware_and_in_order",
        ),
        "what happens in one instant keeps its order": (
            f"{_ROWS}::test_clock", "pipeline/test_flow.py::test_rows_of_one_instant_that_end_in_another_order",
        ),
    },
}  # fmt: skip


def references() -> Iterator[tuple[str, str, str]]:
    """Each rule, claim and test."""
    for rule, claims in RULES.items():
        for claim, tests in claims.items():
            yield from ((rule, claim, test) for test in tests)
