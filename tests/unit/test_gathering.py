# SPDX-License-Identifier: Apache-2.0
"""The pause before the next turn follows the traffic."""

from execaudit.daemon.gathering import Gathering


def take(gathering: Gathering, began_s: float, max_delay_s: float = 1.0) -> float:
    """Have an event come, and all be taken at the end of the pause; return when that is."""
    gathering.begin(began_s)
    end_s = gathering.end_s(max_delay_s)
    gathering.end(end_s, is_taken=True)
    return end_s


def test_first_event_after_a_quiet_second_does_not_wait() -> None:
    gathering = Gathering()

    assert take(gathering, 100.0) == 100.0
    assert take(gathering, 101.0) == 101.0


def test_pause_doubles_up_to_the_longest_delay_while_events_keep_coming() -> None:
    gathering = Gathering()
    now_s, pauses = take(gathering, 100.0), []
    for _ in range(6):
        end_s = take(gathering, now_s)
        pauses.append(round(end_s - now_s, 6))
        now_s = end_s

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_pause_is_short_again_when_it_was_quiet() -> None:
    gathering = Gathering()
    now_s = take(gathering, 100.0)
    for _ in range(5):
        now_s = take(gathering, now_s)

    quiet_s = now_s + 1.5

    assert take(gathering, quiet_s) == quiet_s
    assert round(take(gathering, quiet_s + 0.5) - quiet_s - 0.5, 6) == 0.1


def test_nothing_waits_beyond_a_delay_that_was_made_shorter() -> None:
    gathering = Gathering()
    now_s = take(gathering, 100.0)
    for _ in range(5):
        now_s = take(gathering, now_s)

    assert round(take(gathering, now_s, 0.01) - now_s, 6) == 0.01


def test_what_is_held_back_is_looked_at_after_a_pause_though_it_was_quiet() -> None:
    gathering = Gathering()
    gathering.begin(100.0, is_holding=True)

    assert round(gathering.end_s(1.0), 6) == 100.1
    gathering.end(100.1, is_taken=False)
    assert not gathering.has_begun


def test_traffic_is_steady_once_it_has_kept_coming() -> None:
    gathering = Gathering()
    now_s = take(gathering, 100.0)
    steady = []
    for _ in range(4):
        now_s = take(gathering, now_s)
        steady.append(gathering.is_steady)

    assert steady == [False, False, True, True]
    gathering.begin(now_s, is_holding=True)
    gathering.end(now_s + 1.0, is_taken=False)
    assert not gathering.is_steady


def test_traffic_is_never_steady_with_a_short_delay() -> None:
    gathering = Gathering()
    now_s = take(gathering, 100.0)
    for _ in range(8):
        now_s = take(gathering, now_s, 0.2)

    assert not gathering.is_steady
