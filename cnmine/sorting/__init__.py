"""Text in any amount → its spans and its windows in sorted order, within a budget of memory, on disk where need be."""
