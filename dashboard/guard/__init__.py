"""The door in front of every page, file and WebSocket: who may connect, from where, and with which headers.

middleware   Guard: the ASGI middleware that asks the others, in order
policy       Policy: what this process was told (password, hosts), and the checks that refuse a start
listening    the address the server really listens on
hosts        the rules for the Host and Origin headers
headers      the headers every response carries
sessions     the log-in and log-out routes, and who is sent there
login        password, session cookie, tries per minute
login_page   the HTML of the two forms
"""

from dashboard.guard.middleware import Guard
from dashboard.guard.policy import Policy, admit

__all__ = ["Guard", "Policy", "admit"]
