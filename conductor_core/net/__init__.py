"""Where this process listens, and which requests may come in there at all; what both doors, pages and API, share.

listening    the address the server really listens on
hosts        the rules for the Host and Origin headers
entrance     which connections are turned away before anything looks at them
headers      the headers every response carries
"""
