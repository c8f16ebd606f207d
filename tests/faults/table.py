"""Every fault, what it leads to, and how that is proven; `tests.faults.document` writes `docs/faults.md` from it.

A row with a scenario is run by `tests/faults/test_table.py`, at each of its dialects; the others name the test that
proves them. What does not hold as one would wish is said in the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conductor_core.kinds import LaneState, Outcome
from tests.upstream import Plan

ALL = ("openai", "anthropic", "gemini")
FINE = Plan.of("").text
FAILED, DONE, INCOMPLETE = LaneState.FAILED, LaneState.DONE, LaneState.INCOMPLETE


@dataclass(frozen=True)
class Scenario:
    """What the first provider does, and what must come of it.

    Attributes:
        words: how it misbehaves, in the words of `tests.upstream`.
        outcomes: of the rows when that provider was named, one per attempt.
        sentence: a part of what is shown for the fault; empty when nothing is.
        cause: what AUTO tells of it when another provider answers instead; empty: it asks no other.
        shown: the text on the page in the end, when the provider was named.
        state: of the answer, when the provider was named.
        dialects: the providers it is run at.
        place: where the provider is, when not at the tests' upstream: `tls`, `dns`, `closed`, `full`.
        whole: the answer is asked for as a whole, as programs do; pages always stream.
        settings: deadlines and limits, so that it takes fractions of a second.
        least, most: seconds it takes.
    """

    words: str
    outcomes: tuple[Outcome, ...]
    sentence: str = ""
    cause: str = ""
    shown: str = ""
    state: LaneState = FAILED
    dialects: tuple[str, ...] = ALL
    place: str = ""
    whole: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    least: float = 0.0
    most: float = 2.0


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        number: which of the 52 faults it is, or is a form of.
        name: short, for the test's id.
        fault: what happens.
        behaviour: what Conductor does, and what people see.
        scenario: how it is proven here.
        tests: the tests that prove it, beside or instead of the scenario, as `file::test`.
        limit: what does not hold as one would wish, and why.
    """

    number: str
    name: str
    fault: str
    behaviour: str
    scenario: Scenario | None = None
    tests: tuple[str, ...] = ()
    limit: str = ""


def _words(count: int) -> str:
    return Plan.of(f"words-{count}").text


ROWS: tuple[Row, ...] = (
    Row(
        "F01",
        "400",
        "The provider refuses the request (400)",
        "No retry, nobody else is asked; it does not count against the provider.",
        Scenario("status 400", (Outcome.BAD_REQUEST,), "refused the request (400)"),
    ),
    Row(
        "F02",
        "401",
        "The provider refuses the key (401)",
        "No retry. AUTO asks another one, and does not come back until the key changes.",
        Scenario("status 401", (Outcome.AUTH,), "refused the key (401)", "refused the key"),
        ("tests/routing/test_request.py::test_a_refused_key_is_tried_once_until_it_changes",),
    ),
    Row(
        "F03",
        "403",
        "The provider does not allow it: region, right, address (403)",
        "No retry. AUTO asks another one; the model is passed over for ten minutes.",
        Scenario("status 403", (Outcome.FORBIDDEN,), "does not allow this (403)", "does not allow this"),
    ),
    Row(
        "F04",
        "404",
        "There is no such model (404)",
        "No retry. AUTO asks another one; only this model is passed over.",
        Scenario("status 404", (Outcome.NOT_FOUND,), "does not exist at", "does not have the model"),
    ),
    Row(
        "F05",
        "408",
        "The provider gave up waiting (408)",
        "Asked again up to three times in all; AUTO keeps the last attempt for another one.",
        Scenario("status 408", (Outcome.TIMEOUT,) * 3, "took too long (408)", "took too long"),
    ),
    Row(
        "F06",
        "409",
        "A conflicting request (409)",
        "One retry, then another one.",
        Scenario(
            "status 409",
            (Outcome.UNAVAILABLE,) * 2,
            "is not available right now (409)",
            "is busy with a conflicting request",
        ),
    ),
    Row(
        "F07",
        "413",
        "The conversation is too long (413)",
        "No retry; AUTO asks only a provider that is known to take longer ones. The message stays and can be cut.",
        Scenario("status 413", (Outcome.TOO_LARGE,), "too long for"),
        ("tests/faults/test_table.py::test_what_is_too_long_goes_only_to_a_larger_window",),
    ),
    Row(
        "F08",
        "422",
        "The provider can't process the request (422)",
        "As 400.",
        Scenario("status 422", (Outcome.BAD_REQUEST,), "refused the request (422)"),
    ),
    Row(
        "F09",
        "429-short-wait",
        "Rate-limited, and it says to wait at most 10 s (429 with Retry-After)",
        "Waits exactly that and up to a tenth more, visibly, and asks again.",
        Scenario(
            "status 429 waitms 200 first 1",
            (Outcome.RATE_LIMITED, Outcome.OK),
            shown=FINE,
            state=DONE,
            least=0.2,
        ),
        ("tests/routing/test_request.py::test_a_short_wait_is_waited_at_the_same_provider",),
    ),
    Row(
        "F09",
        "429-long-wait",
        "Rate-limited for longer than 10 s",
        "AUTO asks another one at once and passes it over until then. A provider that was named is waited for, "
        "at most a minute.",
        Scenario(
            "status 429 wait 12",
            (Outcome.RATE_LIMITED,) * 2,
            "is rate-limited (429). Wait 12 s",
            "is rate-limited for 12 s",
            settings={"retry_after_longest": "0.1"},
        ),
    ),
    Row(
        "F09",
        "429-google",
        "Rate-limited, with Google's RetryInfo in the details instead of a header",
        "Read like Retry-After.",
        Scenario(
            "status 429 info 12",
            (Outcome.RATE_LIMITED,) * 2,
            "is rate-limited (429). Wait 12 s",
            "is rate-limited for 12 s",
            dialects=("gemini",),
            settings={"retry_after_longest": "0.1"},
        ),
    ),
    Row(
        "F10",
        "429",
        "Rate-limited, without saying for how long",
        "One retry, then another one.",
        Scenario("status 429", (Outcome.RATE_LIMITED,) * 2, "is rate-limited (429)", "is rate-limited"),
    ),
    Row(
        "F11",
        "402",
        "The account has no credit left (402)",
        "No retry. AUTO asks another one and passes it over for an hour.",
        Scenario("status 402", (Outcome.QUOTA,), "has no credit left (402)", "has no credit left"),
    ),
    Row(
        "F11",
        "429-quota",
        "The account has no credit left, told as 429 with `insufficient_quota`",
        "As 402: waiting would not help.",
        Scenario(
            "status 429 quota", (Outcome.QUOTA,), "has no credit left (429)", "has no credit left", dialects=("openai",)
        ),
    ),
    Row(
        "F12",
        "500",
        "An internal error (500)",
        "Asked again up to three times in all; AUTO keeps the last attempt for another one.",
        Scenario("status 500", (Outcome.SERVER_ERROR,) * 3, "had an internal error (500)", "had an internal error"),
    ),
    Row(
        "F13",
        "502",
        "A bad gateway that answers with a web page (502)",
        "As 500; the page is never shown.",
        Scenario("status 502 html", (Outcome.UNAVAILABLE,) * 3, "is not available right now (502)", "is not available"),
    ),
    Row(
        "F14",
        "503",
        "Not available (503)",
        "As 500; a Retry-After is kept.",
        Scenario("status 503", (Outcome.UNAVAILABLE,) * 3, "is not available right now (503)", "is not available"),
    ),
    Row(
        "F15",
        "504",
        "The provider's gateway timed out (504)",
        "One retry only, for the work may have been billed; its cost is an estimate.",
        Scenario("status 504", (Outcome.TIMEOUT,) * 2, "took too long (504)", "took too long"),
    ),
    Row(
        "F16",
        "529",
        "Overloaded for everyone (529)",
        "One retry, then another one.",
        Scenario(
            "status 529", (Outcome.OVERLOADED,) * 2, "is overloaded for everyone (529)", "is overloaded for everyone"
        ),
    ),
    Row(
        "F17",
        "tls",
        "The certificate is not valid",
        "No retry, and verification is never turned off. AUTO asks another one.",
        Scenario("", (Outcome.CONNECTION,), "The certificate of", "has no valid certificate", place="tls"),
    ),
    Row(
        "F18",
        "dns",
        "The host is not found",
        "One retry, then another one.",
        Scenario("", (Outcome.CONNECTION,) * 2, "was not found", "was not found", place="dns"),
    ),
    Row(
        "F19",
        "refused",
        "Nothing listens at the address",
        "One retry after at least 0.2 s, then another one.",
        Scenario(
            "", (Outcome.CONNECTION,) * 2, "Is the server started?", "is not reachable", place="closed", least=0.2
        ),
    ),
    Row(
        "F20",
        "connect-timeout",
        "No connection in time",
        "One retry, then another one.",
        Scenario(
            "",
            (Outcome.TIMEOUT,) * 2,
            "in time. Check the network.",
            "is not reachable",
            place="full",
            settings={"connect_timeout": "0.1"},
        ),
    ),
    Row(
        "F21",
        "no-first-byte",
        "No first byte in time",
        "Not asked again, for it may be at work; AUTO asks another one.",
        Scenario(
            "silent",
            (Outcome.TIMEOUT,),
            "sent nothing in time",
            "sent nothing in time",
            settings={"first_byte_timeout": "0.15"},
        ),
    ),
    Row(
        "F22",
        "stall",
        "The answer falls silent in its middle",
        "What has come is kept and called incomplete; nothing is retried or switched.",
        Scenario(
            "stall 3",
            (Outcome.TIMEOUT,),
            "stopped answering",
            shown=_words(3),
            state=INCOMPLETE,
            settings={"silence_timeout": "0.15"},
        ),
    ),
    Row(
        "F22",
        "stall-before",
        "The answer falls silent before its first word",
        "Nobody has seen anything: AUTO asks another one.",
        Scenario(
            "stall 0",
            (Outcome.TIMEOUT,),
            "stopped answering",
            "took too long",
            dialects=("openai", "anthropic"),
            settings={"silence_timeout": "0.15"},
        ),
    ),
    Row(
        "F23",
        "cut",
        "The connection is reset in the middle of the answer",
        "What has come is kept and called incomplete; nothing is retried or switched. Retry keeps it beside the new "
        "answer; Continue goes on from it, also with another provider.",
        Scenario("cut 3", (Outcome.STREAM_CUT,), "broke off", shown=_words(3), state=INCOMPLETE),
        (
            "tests/test_conversations.py::test_a_retry_keeps_what_a_cut_answer_had_written",
            "tests/test_conversations.py::test_a_cut_answer_is_gone_on_with",
        ),
    ),
    Row(
        "F23",
        "cut-before",
        "The connection is reset before the first word",
        "One retry, then another one.",
        Scenario(
            "cut 0",
            (Outcome.STREAM_CUT,) * 2,
            "broke off its answer",
            "broke off before its first word",
            dialects=("openai", "anthropic"),
        ),
    ),
    Row(
        "F24",
        "no-finish",
        "The stream ends cleanly, yet without saying why",
        "What has come is kept and called incomplete.",
        Scenario("end 3", (Outcome.STREAM_CUT,), shown=_words(3), state=INCOMPLETE, sentence="its answer"),
    ),
    Row(
        "F25",
        "error-inside",
        "An error inside a stream of status 200, after words have come",
        "The real cause is told, and what has come is kept.",
        Scenario("error 3", (Outcome.OVERLOADED,), "overloaded", shown=_words(3), state=INCOMPLETE, dialects=ALL[1:]),
    ),
    Row(
        "F25",
        "error-inside-before",
        "An error inside a stream of status 200, before the first word",
        "Treated as its status.",
        Scenario(
            "error 0",
            (Outcome.OVERLOADED,) * 2,
            "overloaded",
            "is overloaded for everyone",
            dialects=("anthropic",),
        ),
    ),
    Row(
        "F26",
        "malformed-events",
        "Up to three events that are not JSON",
        "Skipped and logged; the answer is whole.",
        Scenario("bad 3", (Outcome.OK,), shown=FINE, state=DONE),
    ),
    Row(
        "F26",
        "too-malformed",
        "More than three events that are not JSON",
        "The stream counts as broken; before the first word it is asked for again.",
        Scenario(
            "bad 4", (Outcome.STREAM_CUT,) * 2, "can't be read", "broke off before its first word", dialects=ALL[:2]
        ),
    ),
    Row(
        "F27",
        "malformed-body",
        "A whole answer that is not JSON",
        "One retry, then another one.",
        Scenario("garbage", (Outcome.BAD_RESPONSE,) * 2, "unreadable answer", "sent an unreadable answer", whole=True),
    ),
    Row(
        "F28",
        "empty",
        "An answer without any text",
        "One more try at the same provider, then it is shown as it is.",
        Scenario("words 0", (Outcome.EMPTY,) * 2, state=DONE),
    ),
    Row(
        "F29",
        "blocked",
        "A safety filter blocks the answer",
        "No retry, and no other provider to dodge the filter; it does not count against the provider.",
        Scenario("filter words 0", (Outcome.BLOCKED,), "blocked this for safety reasons", state=DONE),
    ),
    Row(
        "F30",
        "length",
        "The answer reached its limit of tokens",
        "Shown, and marked as cut; Continue goes on from it.",
        Scenario("length", (Outcome.LENGTH,), shown=FINE, state=DONE),
    ),
    Row(
        "F31",
        "huge",
        "An answer of 50 MB",
        "Cut at the limit, what came before is kept; memory stays bounded.",
        Scenario(
            "big 1024 words 50",
            (Outcome.STREAM_CUT,),
            "the answer was cut at this limit",
            shown="x" * 7 * 1_048_576,
            state=INCOMPLETE,
            most=10.0,
        ),
    ),
    Row(
        "F32",
        "drip",
        "An answer that comes byte by byte, for ever",
        "The deadline of the whole request ends it; what has come is kept.",
        Scenario(
            "drip 1 words 500",
            (Outcome.TIMEOUT,),
            "did not finish in time",
            shown=_words(1),
            state=INCOMPLETE,
            settings={"total_timeout": "0.6"},
        ),
    ),
    Row(
        "F33",
        "web-page",
        "A web page instead of an answer (200)",
        "One retry, then another one; the page is never shown.",
        Scenario("html", (Outcome.BAD_RESPONSE,) * 2, "answered with a web page", "sent an unreadable answer"),
    ),
    Row(
        "F34",
        "duplicates",
        "The same piece of text twice",
        "Kept: equal pieces are text.",
        Scenario("same words 6", (Outcome.OK,), shown="ha " * 6, state=DONE),
        limit="A replayed piece is not dropped. No dialect spoken here numbers its pieces, so a replay can't be told "
        "from a word that is said twice, and dropping words of an answer would be worse.",
    ),
    Row(
        "F35",
        "split-characters",
        "Characters cut between two pieces, between two bytes, between two halves of a pair",
        "Every code point arrives.",
        Scenario("halves bytes", (Outcome.OK,), shown=FINE, state=DONE),
    ),
    Row(
        "F36",
        "clock-skew",
        "The provider's clock is an hour fast, and the date to wait for lies in the past",
        "Dates count from the answer's own; it is asked again at once. Durations go by the monotonic clock only.",
        Scenario("status 429 past first 1", (Outcome.RATE_LIMITED, Outcome.OK), shown=FINE, state=DONE, most=1.0),
    ),
    Row(
        "F36",
        "clock-skew-future",
        "The provider's clock is an hour fast, and it says until when to wait as a date",
        "As long as the date lies after the answer's own, not after ours.",
        Scenario(
            "status 429 date 12",
            (Outcome.RATE_LIMITED,) * 2,
            "Wait 12 s",
            "is rate-limited for 12 s",
            settings={"retry_after_longest": "0.1"},
        ),
    ),
    Row(
        "F37",
        "redirect",
        "The provider redirects to another host",
        "Not followed, so the key goes nowhere else. AUTO asks another one.",
        Scenario("redirect", (Outcome.BAD_RESPONSE,), "redirects to elsewhere.example", "redirects elsewhere"),
    ),
    Row(
        "F38",
        "kill-in-an-answer",
        "kill -9 in the middle of an answer",
        "After the restart the message and the answer up to about a second before are there, marked interrupted.",
        tests=(
            "tests/test_crash.py::test_a_killed_process_loses_about_a_second",
            "tests/test_histories.py::test_no_message_is_lost_or_doubled",
        ),
    ),
    Row(
        "F39",
        "kill-in-a-write",
        "kill -9 in the middle of a write",
        "Every row that was acknowledged is there, and the file is whole.",
        tests=("tests/store/test_killed.py::test_a_kill_loses_nothing_that_was_acknowledged",),
    ),
    Row(
        "F40",
        "disk-full",
        "The disk is full",
        "Rows are kept and written once there is room; when too many wait, new ones are refused.",
        tests=(
            "tests/store/test_writer.py::test_a_full_disk_loses_nothing",
            "tests/store/test_writer.py::test_a_full_queue_refuses",
        ),
    ),
    Row(
        "F41",
        "read-only",
        "The folder can't be written to",
        "The start is refused with the path and the reason; nothing is changed.",
        tests=("tests/store/test_sqlite_file.py::test_a_folder_of_somebody_else_is_refused",),
        limit="There is no read-only mode that shows the history: the start is refused instead.",
    ),
    Row(
        "F42",
        "locked",
        "Another program holds the database",
        "The writer waits, then queues; nothing is lost and nothing freezes.",
        tests=("tests/store/test_writer.py::test_a_locked_database_only_delays",),
    ),
    Row(
        "F43",
        "corrupt",
        "A file that is damaged or no database of ours",
        "Never overwritten: the start is refused and says which file and what was found.",
        tests=(
            "tests/store/test_sqlite_file.py::test_a_damaged_page_is_noticed",
            "tests/store/test_sqlite_file.py::test_what_is_not_a_database_is_left_untouched",
        ),
        limit="There is no command yet that recovers what can be read into a new file.",
    ),
    Row(
        "F44",
        "two-processes",
        "Two processes on one database",
        "The second one is refused and told who has it and where.",
        tests=("tests/store/test_lock.py::test_a_second_process_is_refused_and_told_who_has_it",),
    ),
    Row(
        "F45",
        "postgres-restart",
        "PostgreSQL restarts while in use",
        "Rows wait in memory and people are told that saving is delayed; the connection comes back by itself, "
        "and nothing is lost or doubled.",
        tests=(
            "tests/store/test_postgres.py::test_a_restart_in_mid_use_loses_and_doubles_nothing",
            "tests/store/test_postgres.py::test_while_the_server_is_away_rows_wait",
        ),
        limit="While it is away pages that read from it say so instead of showing what was there.",
    ),
    Row(
        "F46",
        "crowd",
        "500 conversations at once",
        "Each is answered, or told in words that Conductor is busy; nobody hangs and nothing is mixed up.",
        tests=("tests/faults/test_crowds.py::test_a_crowd_is_served_or_told_and_never_mixed_up",),
    ),
    Row(
        "F47",
        "slow-neighbour",
        "One provider is slow, and a hundred callers wait for it",
        "They fill its places and its queue only; the others answer as before.",
        tests=("tests/faults/test_crowds.py::test_a_slow_provider_does_not_slow_the_others",),
    ),
    Row(
        "F47",
        "outage",
        "One provider among three is down",
        "AUTO answers every request from the others; after three failures nobody asks it until its pause is over.",
        tests=("tests/faults/test_crowds.py::test_an_outage_of_one_among_three_is_hardly_felt",),
    ),
    Row(
        "F48",
        "tab-closed",
        "The tab is closed in the middle of an answer",
        "The answer goes on to its end and is saved; a program that hangs up ends its call.",
        tests=(
            "tests/test_conversations.py::test_a_running_answer_is_seen_by_whoever_opens_the_conversation",
            "tests/test_conductor.py::test_a_stream_closed_early_is_a_cancelled_call_with_its_cost",
        ),
    ),
    Row(
        "F49",
        "double-submit",
        "The same message is sent twice: a double click, a reload",
        "One message, one call, one answer.",
        tests=(
            "tests/test_submissions.py::test_a_double_click_is_one_message_and_one_call",
            "tests/dashboard/app_pages/test_chat.py::test_a_double_click_sends_once",
        ),
        limit="A restart forgets which submissions it has seen: what a program sends again after one is a new message.",
    ),
    Row(
        "F50",
        "restart",
        "The server restarts while conversations are open",
        "What was acknowledged is there, and running answers are marked interrupted.",
        tests=("tests/test_conversations.py::test_closing_interrupts_and_saves",),
    ),
    Row(
        "F51",
        "local-model-dies",
        "The local model crashes, runs out of memory, or its file is missing or broken",
        "It runs in a process of its own: this one goes on, says why, and starts it again up to three times.",
        tests=(
            "tests/providers/test_local_provider.py::test_killed_in_an_answer",
            "tests/providers/test_local_pool.py::test_three_restarts_in_a_row_and_no_more",
            "tests/providers/test_local_provider.py::test_a_broken_own_model_is_said",
        ),
    ),
    Row(
        "F52",
        "metrics-fail",
        "The rows of calls can't be written",
        "The answer goes on; rows wait in a bounded queue.",
        tests=("tests/store/test_writer.py::test_a_bad_row_fails_alone",),
        limit="Calls and conversations share one writer and queue, so there is no counter of dropped metrics alone.",
    ),
)
