"""Emergency stops: "that was not me". One person can stop a starter at once; two people in HR start again.

While a stop is in force, `guards/emergency_stop.py` refuses each pass, `obstacles.py` blocks the link, and no mail asks
anybody to create a pass.
"""
