"""``daily-papers`` for a shell (run by ``forked.in_a_shell``): has the program forked, and waits.

Its arguments are the number of an open connection to the process that forks, and the words. Loads
next to nothing, because that is what it is for.
"""

import json
import os
import socket
import sys


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    lifeline, theirs = os.pipe()  # ends when the program does
    message = {
        "module": "bot",
        "words": sys.argv[2:],
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "umask": -1,
        "ordinary": False,
    }
    data = json.dumps(message).encode() + b"\n"
    socket.send_fds(connection, [data], [0, 1, 2, theirs])
    os.close(theirs)
    pid = json.loads(connection.recv(100))
    os.read(lifeline, 1)
    status = None
    while status is None:
        connection.send(json.dumps({"poll": pid}).encode() + b"\n")
        status = json.loads(connection.recv(100))
    sys.exit(status if status >= 0 else 128 - status)


main()
