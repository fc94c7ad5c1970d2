"""Business time: how much working time lies between two instants, and when so much of it will have passed.

A calendar says when work is done: weekly slots in the civil time of a zone, holidays, make-up workdays, rules that
change at a date. Its one function is W(t), the working time up to t. Everything else follows from it:

- elapsed working time is W(end) - W(start);
- a deadline is the earliest t with W(t) = W(start) + work;
- a pause (a case on hold) takes out the working time inside it, and nothing else.

>>> from datetime import UTC, date, datetime, timedelta
>>> office = BusinessCalendar("Berlin office", tz="Europe/Berlin", week={"mon-fri": "09:00-17:00"},
...                           holidays=[date(2024, 4, 1)])
>>> saturday = datetime(2024, 3, 23, 15, tzinfo=UTC)
>>> office.due(saturday, timedelta(hours=4)).isoformat()
'2024-03-25T13:00:00+01:00'
>>> office.elapsed(saturday, datetime(2024, 4, 2, 8, tzinfo=UTC)) == timedelta(hours=5 * 8 + 1)
True

What counts as working time, precisely:

- An instant is working time when the wall clock of the zone stands inside a slot. So a slot loses the hour that a
  change to summer time skips, and gains the hour that the change back repeats.
- A slot belongs to the civil day on which it begins. A night slot (22:00-06:00) that began on the eve of a holiday, or
  under the rules of the day before a change, runs to its end. Where such a slot runs into another, time counts once.
- A business day is a civil day on which a slot begins.

W is a table of prefix sums over the years that a question needs. It is built once, grows when it has to, and is no part
of what a calendar is: calendars are frozen, compare by their rules and travel as plain data.
"""

from crmkit.calendars._business import BusinessCalendar, CalendarHistory, calendar_from_dict
from crmkit.calendars._hours import Hours
from crmkit.calendars._working import WorkingTime

__all__ = ["BusinessCalendar", "CalendarHistory", "Hours", "WorkingTime", "calendar_from_dict"]
