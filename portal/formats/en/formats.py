"""How dates are written in English. The names are ours, for `formats.date_format` and the filter `date`.

The letters are those of Django's filter `date`. Another language has the same names in a folder of its own.
"""

AGREED = "j F Y, H:i"
CHECKED = "j F Y, H:i:s"
CLOCK = "H:i"
DAY = "j F"
DAY_CLOCK = "j F, H:i"
DAY_YEAR = "j F Y"
ENDED = "d F Y, H:i"
GIVEN_UP = "d F, H:i"
LISTED = "D j M Y, H:i"
LONG = "l j F Y, H:i"
LONG_DAY = "l j F Y"
MOMENT = "l j F, H:i"
MONTH_YEAR = "F Y"
RECORDED = "j M Y, H:i:s"
SHORT_DAY = "j M"
STAMP = "j M Y, H:i"
WEEKDAY = "D"
WEEKDAY_CLOCK = "l H:i"
WEEKDAY_DAY = "l j F"

NUMBER_GROUPING = 0  # 1234; the other languages group by thousands, as Django has it for them
