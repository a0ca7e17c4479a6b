"""What the parts of the portal tell one another about agents' access."""

from django.dispatch import Signal

# Sent with ``agent`` (whose access), ``act`` (what was done, as a word), ``by`` (the agent who
# did it, or None) and ``request``, within the transaction of the act where it has one.
access_changed = Signal()
