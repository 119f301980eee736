"""Runs a command in a terminal of its own, and presses keys once it asks for a password.

terminal.py KEYS COMMAND...: KEYS are as Python writes them (\\x03 is Ctrl-C), and none if empty.
Prints the exit code, whether the terminal echoes after that, and what was on the screen.
"""
import json
import os
import pty
import sys
import termios

keys = sys.argv[1].encode().decode("unicode_escape").encode()
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
screen = b""
pressed = False
ended = None
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        read = b""
    if not read:
        break
    screen += read
    if b"Password of" in screen and not pressed:
        # Once nothing that is typed shows.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            pass
        pressed = True
        os.write(terminal, keys)
    # While the child is there, or not waited for, its terminal still says how it stands.
_, status = os.waitpid(child, 0)
echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"code": code, "echoes": echoes, "screen": screen.decode("utf-8", "replace")}))
