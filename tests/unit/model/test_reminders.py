"""A lasting cause is logged at once, and then once a minute."""

from satmint.model.reminders import REMINDER_SECONDS, Reminder


def test_lasting_cause_is_due_at_once_and_once_a_minute() -> None:
    reminder = Reminder()
    assert reminder.is_due("full", 5.0)
    assert not reminder.is_due("full", 5.0)
    assert not reminder.is_due("full", 5.0 + REMINDER_SECONDS - 0.5)
    assert reminder.is_due("full", 5.0 + REMINDER_SECONDS)
    assert not reminder.is_due("full", 5.0 + REMINDER_SECONDS + 1.0)
    assert REMINDER_SECONDS == 60.0


def test_other_cause_is_due_at_once_and_so_is_one_that_comes_back() -> None:
    reminder = Reminder()
    assert reminder.cause == ""
    assert reminder.is_due("full", 0.0)
    assert reminder.is_due("read-only", 1.0)
    assert reminder.cause == "read-only"
    assert not reminder.is_due("", 2.0)
    assert reminder.cause == ""
    assert reminder.is_due("read-only", 3.0)
    assert not reminder.is_due("", 100.0)
