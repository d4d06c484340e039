"""`python -m outcry`: the same as the `outcry` command."""

import sys


def main() -> int:
    if sys.argv[1:2] == ["demo"]:  # the supervisor stays small: it never loads what it starts
        from outcry.demo import main as demo

        return demo(sys.argv[2:])
    from outcry.cli import main as command

    return command()


if __name__ == "__main__":
    raise SystemExit(main())
