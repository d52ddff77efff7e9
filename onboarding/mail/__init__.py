"""Mail: what is written (notifications, outbox), when it leaves (send_times, digest) and how it is sent (delivery).

The texts are in `templates/emails/`. A new mail begins with a function in `notifications`.
"""
