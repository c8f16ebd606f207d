"""The door in front of every page, file and WebSocket: who may come in, and with which headers.

Which connections may come at all is the same for the API, and so in `conductor_core/net`.

middleware   Guard: the ASGI middleware that asks the others, in order
policy       Policy: what this process was told (password, hosts), and the checks that refuse a start
headers      what the pages may load and run
sessions     the log-in and log-out routes, and who is sent there
login        password, session cookie, tries per minute
login_page   the HTML of the two forms
"""

from dashboard.guard.middleware import Guard
from dashboard.guard.policy import Policy, admit

__all__ = ["Guard", "Policy", "admit"]
