"""``python -m deploy`` is the command line: how the supervisor starts the rooms, wherever the script stands."""

from deploy.command_line import main

if __name__ == "__main__":
    main()
