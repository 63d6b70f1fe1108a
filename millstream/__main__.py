"""``python -m millstream`` is the command line."""

from deploy.command_line import main

if __name__ == "__main__":
    main()
