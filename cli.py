#!/usr/bin/env python3
"""Launcher for a checkout: ``python cli.py newwords corpus.txt``; an installed package has the command cnmine."""

from cnmine.cli import main

if __name__ == "__main__":
    main()
